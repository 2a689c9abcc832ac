// What the page was given, and the small tools that all parts use. Text from files is only ever set as text, not HTML.

export const data = JSON.parse(document.getElementById("data").textContent);
export const runs = data.runs;
export const SIDES = { output: "Output", input: "Input", curves: "Curves" };

// The pictures go from dark to bright, and in the darkest one little can be seen.
export const usualNumber = () => data.numbers[Math.floor(data.numbers.length / 3)] ?? null;

// What is shown now; every part reads it, and each changes what belongs to it.
export const state = {
  number: usualNumber(),
  chosen: false, // whether a person has chosen a picture, so that it stays
  side: "output",
  run: null, // the current cell's run, and
  step: null, // its training step
  pointed: null, // the run that the mouse or the keys point at
  pinned: null, // the run that was clicked in a plot or by its name
  visible: runs, // what the filter leaves, in the chosen order
  field: "", // what is sorted by and shown below each cell
  descending: false,
};

// Turned by this angle again and again, colours stay apart whatever their number is.
const GOLDEN_ANGLE = 137.508;

// All colours are equally light, and stand off the background of both themes. A run that has one keeps it.
export function colourRuns() {
  const turn = runs.some((run) => run.colour) ? GOLDEN_ANGLE : 360 / Math.max(runs.length, 6);
  runs.forEach((run, index) => {
    run.colour ??= `hsl(${Math.round(turn * index + 25) % 360} 62% 60%)`;
  });
}
colourRuns();

export const byId = (name) => document.getElementById(name);

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// Gives an element these children. Those that it has, and those equal to others that it has, are not touched: what is
// focused, scrolled or marked in them stays so.
export function arrange(parent, wanted) {
  const free = [...parent.childNodes].filter((node) => !wanted.includes(node));
  const kept = wanted.map((node) => {
    const same = node.parentNode === parent ? -1 : free.findIndex((other) => other.isEqualNode(node));
    return same < 0 ? node : free.splice(same, 1)[0];
  });
  for (const node of [...parent.childNodes]) {
    if (!kept.includes(node)) node.remove();
  }
  kept.forEach((node, place) => {
    const there = parent.childNodes[place];
    if (there !== node) parent.insertBefore(node, there ?? null);
  });
}

// Some browsers keep nothing for a page that was opened as a file; then all is as at first next time.
export function withStorage(act) {
  try {
    return act(localStorage);
  } catch {
    return null;
  }
}

// The thumbnails of one picture by "run/step". Those of the others stay unparsed until they are chosen. A page that a
// server gives has none inside.
let parsed = { number: null, thumbnails: {} };

export function thumbnail(run, step) {
  if (data.live) return `thumbnails/${run.run}/${step}/${state.number}?${cellOf(run, step).version}`;
  if (parsed.number !== state.number) {
    const block = byId(`thumbnails-${state.number}`);
    parsed = { number: state.number, thumbnails: block ? JSON.parse(block.textContent) : {} };
  }
  const content = parsed.thumbnails[`${run.run}/${step}`];
  return content ? `data:image/webp;base64,${content}` : null;
}

export const cellOf = (run, step, number = state.number) => run.cells[step]?.[number];
export const nameOf = (run) => (run.point ? `run ${run.run} · ${run.point}` : `run ${run.run}`);
const stepFolder = (step) => `step-${String(step).padStart(6, "0")}`;

// Where a full picture lies, relative to this page; null where the run has none.
export function fileOf(run, step, side, number = state.number) {
  const content = cellOf(run, step, number);
  if (!content?.sides?.includes(side)) return null;
  const version = content.version ? `?${content.version}` : "";
  return `${data.root}${run.folder}/samples/${stepFolder(step)}/${number}_${side}.png${version}`;
}

export function missingText(paths) {
  const missing = `Missing: ${paths.map((path) => decodeURI(path.split("?")[0])).join(", ")}.`;
  if (data.live) return missing;
  return `${missing} Full pictures are not inside this page; it has to lie in the folder ${data.folder}`;
}

// This is said once: where one file is missing, mostly all are.
export function sayMissing() {
  const box = byId("missing");
  if (!box.hidden || data.live) return;
  box.textContent =
    "Some pictures are not beside this page, so only thumbnails of the outputs can be shown. Inputs, curve maps and " +
    `full pictures are in the folder ${data.folder}: put this page back there, or move the folder along with it.`;
  box.hidden = false;
}

export const canPick = (run, step) => run.checkpoints.includes(step);
export const pickParts = (run, step) => [data.pick, ...run.named, `--step ${step}`];
export const pickCommand = (run, step) => pickParts(run, step).join(" ");

export function short(value) {
  if (typeof value !== "number") return value ?? "–";
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

const openDialogOrBody = () => document.querySelector("dialog[open]") ?? document.body;

export function say(text) {
  const box = byId("said");
  // An open dialog covers everything outside it.
  openDialogOrBody().append(box);
  box.textContent = text;
  box.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => box.classList.remove("shown"), 2500);
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied: ${text}`);
  } catch {
    // Without the right to write to the clipboard, the page does what a person would do by hand.
    const area = element("textarea");
    area.value = text;
    openDialogOrBody().append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    say(done ? `Copied: ${text}` : "The browser does not let this page copy: mark the command and copy it");
  }
}

// A row of buttons of which one is chosen; arrow keys move inside it, as in a group of radio buttons.
export function choice(group, options, chosen, choose) {
  const buttons = options.map(([value, content]) => {
    const button = element("button", { role: "radio" }, content);
    button.dataset.value = value;
    button.onclick = () => choose(value);
    return button;
  });
  const focused = group.contains(document.activeElement);
  group.replaceChildren(...buttons);
  mark(group, chosen);
  if (focused) group.querySelector('[tabindex="0"]')?.focus();
  group.onkeydown = (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    const place = buttons.findIndex((button) => button.getAttribute("aria-checked") === "true");
    const next = buttons[(place + move + buttons.length) % buttons.length];
    choose(next.dataset.value);
    next.focus();
  };
}

export function mark(group, chosen) {
  for (const button of group.children) {
    const on = button.dataset.value === chosen;
    button.setAttribute("aria-checked", String(on));
    button.tabIndex = on ? 0 : -1;
  }
}

export function flagElements(flags) {
  const rule = (kind) => data.flags.find((flag) => flag.kind === kind).rule;
  return flags.map((flag) => element("span", { class: `flag ${flag.kind}`, title: rule(flag.kind) }, flag.text));
}
