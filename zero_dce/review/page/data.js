// What the page was given, and the small tools that all parts use. Text from files is only ever set as text, never as HTML.

const data = JSON.parse(document.getElementById("data").textContent);
const runs = data.runs;
const SIDES = ["output", "input", "curves"];
const SIDE_NAMES = { output: "Output", input: "Input", curves: "Curves" };

// What is shown now; each part reads it and changes it through the functions of main.js.
const state = {
  // Which picture: they go from dark to bright, and of the darkest one little can be seen.
  number: data.numbers[Math.floor(data.numbers.length / 3)] ?? null,
  side: "output",
  run: null, // the current cell's run, and
  step: null, // its training step
  pinned: null, // the run that was clicked in a plot or by its name
  visible: runs, // what the filter leaves, in the chosen order
  field: "", // what is sorted by and shown below each cell
  descending: false,
};

const byId = (name) => document.getElementById(name);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in made && typeof value !== "string") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// The thumbnails of one picture by "run/step"; the others' stay unparsed.
let parsed = { number: null, thumbnails: {} };
function thumbnail(run, step) {
  if (parsed.number !== state.number) {
    const block = byId(`thumbnails-${state.number}`);
    parsed = { number: state.number, thumbnails: block ? JSON.parse(block.textContent) : {} };
  }
  const content = parsed.thumbnails[`${run.run}/${step}`];
  return content ? `data:image/webp;base64,${content}` : null;
}

const cellOf = (run, step, number = state.number) => run.cells[step]?.[number];
const nameOf = (run) => (run.point ? `run ${run.run} · ${run.point}` : `run ${run.run}`);
const stepFolder = (step) => `step-${String(step).padStart(6, "0")}`;

// Where a full picture lies, relative to this page; null where the run has none.
function fileOf(run, step, side, number = state.number) {
  if (!cellOf(run, step, number)?.sides?.includes(side)) return null;
  return `${data.root}${run.run}/samples/${stepFolder(step)}/${number}_${side}.png`;
}

const canPick = (run, step) => run.checkpoints.includes(step);
const pickParts = (run, step) => [data.pick, `--run ${run.run}`, `--step ${step}`];
const pickCommand = (run, step) => pickParts(run, step).join(" ");

function short(value) {
  if (typeof value !== "number") return value ?? "–";
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}

const openDialogOrBody = () => document.querySelector("dialog[open]") ?? document.body;

function say(text) {
  const box = byId("said");
  // An open dialog covers all that is not in it.
  openDialogOrBody().append(box);
  box.textContent = text;
  box.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => box.classList.remove("shown"), 2500);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied: ${text}`);
  } catch {
    // Without the right to write there: what a person would do by hand.
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
function choice(group, options, chosen, choose) {
  group.replaceChildren(
    ...options.map(([value, content]) => {
      const on = value === chosen;
      const button = element("button", { role: "radio", "aria-checked": String(on), tabIndex: on ? 0 : -1 }, content);
      button.dataset.value = value;
      button.onclick = () => choose(value);
      return button;
    }),
  );
  group.onkeydown = (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    const place = options.findIndex(([value]) => value === group.querySelector('[aria-checked="true"]')?.dataset.value);
    choose(options[(place + move + options.length) % options.length][0]);
    group.querySelector('[aria-checked="true"]')?.focus();
  };
}

function mark(group, chosen) {
  for (const button of group.children) {
    const on = button.dataset.value === chosen;
    button.setAttribute("aria-checked", String(on));
    button.tabIndex = on ? 0 : -1;
  }
}

// A colour a run, all equally light; on both themes they stand off the background.
runs.forEach((run, place) => {
  run.colour = `hsl(${Math.round((360 * place) / Math.max(runs.length, 6) + 25) % 360} 62% 60%)`;
});

function flagElements(flags) {
  const rule = (kind) => data.flags.find((flag) => flag.kind === kind).rule;
  return flags.map((flag) => element("span", { class: `flag ${flag.kind}`, title: rule(flag.kind) }, flag.text));
}
