// Puts the parts together: what is chosen above the grid, the keys, and the start.

const store = {
  // Some browsers keep nothing for a page that was opened as a file.
  get: (name) => { try { return localStorage.getItem(`zero_dce.${name}`); } catch { return null; } },
  set: (name, value) => { try { localStorage.setItem(`zero_dce.${name}`, value); } catch { /* as it was next time */ } },
};

function choosePicture(number) {
  state.number = number;
  mark(byId("pictures"), number);
  fillCells();
}

function chooseSide(side) {
  state.side = side;
  mark(byId("sides"), side);
  fillCells();
}

function stepPicture(by) {
  const place = data.numbers.indexOf(state.number);
  choosePicture(data.numbers[(place + by + data.numbers.length) % data.numbers.length]);
  if (viewer.open) showPicture();
}

function showRuns() {
  applyFilter();
  showRows();
  // The keys go on from a run that is shown.
  const next = state.visible.find((run) => run.steps.length);
  if (next && state.run && !state.visible.includes(state.run)) moveTo(next, next.steps.at(-1));
  drawPlots();
}

function chooseField(field) {
  state.field = field;
  fillCells();
  showRuns();
}

function togglePlots() {
  const hidden = (byId("plots").hidden = !byId("plots").hidden);
  byId("toggle-plots").setAttribute("aria-pressed", String(!hidden));
  drawPlots();
}

function chooseTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
  store.set("theme", theme);
  drawPlots();
}

// Once is enough: where one file is missing, mostly all are.
function sayMissing() {
  const box = byId("missing");
  if (!box.hidden) return;
  box.textContent = `The runs' folders are not all beside this page, so only thumbnails of the outputs can be shown. Inputs, curve maps and full pictures are in the sweep's folder, ${data.folder}: put this page back there, or move the folder along with it.`;
  box.hidden = false;
}

function pictureButtons() {
  return data.numbers.map((number) => {
    const run = runs.find((each) => each.steps.some((step) => fileOf(each, step, "input", number)));
    const step = run?.steps.find((each) => fileOf(run, each, "input", number));
    const names = new Set(runs.flatMap((each) => Object.values(each.cells).map((cells) => cells[number]?.name)).filter(Boolean));
    const name = names.size > 1 ? `${number}: other photographs in other runs` : `${number} ${[...names][0] ?? ""}`;
    if (!run) return [number, number, name];
    const image = element("img", { alt: name, src: fileOf(run, step, "input", number) });
    image.onerror = () => {
      sayMissing();
      image.replaceWith(number);
    };
    return [number, image, name];
  });
}

function buildChoices() {
  const buttons = pictureButtons();
  choice(byId("pictures"), buttons, state.number, choosePicture);
  buttons.forEach(([, , name], place) => (byId("pictures").children[place].title = name));
  byId("pictures").hidden = buttons.length === 0;
  const sides = SIDES.map((side) => [side, SIDE_NAMES[side]]);
  choice(byId("sides"), sides, state.side, chooseSide);
  choice(byId("viewer-sides"), sides, view.side, showSide);
  byId("sort").replaceChildren(element("option", { value: "" }, "run"), ...numericFields.filter((name) => name !== "run").map((name) => element("option", { value: name }, name)));
  byId("fields").replaceChildren(...numericFields.map((name) => element("option", { value: `${name}>` })));
  for (const legend of document.querySelectorAll(".legend")) {
    legend.append(...data.flags.flatMap(({ kind, name, rule }) => [element("dt", {}, element("span", { class: `flag ${kind}` }, name)), element("dd", {}, rule)]));
  }
  explainFront();
}

function summary() {
  const counts = new Map();
  for (const run of runs) counts.set(run.state, (counts.get(run.state) ?? 0) + 1);
  const states = [...counts].map(([name, count]) => `${count} ${name}`).join(", ");
  return `${states || "no runs"} · written ${data.written}`;
}

byId("filter").oninput = showRuns;
byId("sort").onchange = (event) => chooseField(event.target.value);
byId("direction").onclick = (event) => {
  state.descending = !state.descending;
  event.target.textContent = state.descending ? "descending" : "ascending";
  showRuns();
};
function setSize(pixels) {
  byId("size").value = pixels;
  document.documentElement.style.setProperty("--cell", `${byId("size").value}px`);
}

// As large as the thumbnails are, or so that all steps stand beside each other.
function fittingSize() {
  const free = grid.clientWidth - grid.querySelector(".corner").offsetWidth - 20;
  return Math.min(192, Math.max(120, free / Math.max(1, data.steps.length) - 8));
}

byId("size").oninput = (event) => setSize(event.target.value);
byId("toggle-plots").onclick = togglePlots;
byId("theme").onclick = () => chooseTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
byId("help").onclick = () => byId("about").showModal();
addEventListener("resize", () => {
  clearTimeout(drawPlots.timer);
  drawPlots.timer = setTimeout(drawPlots, 150);
});

const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

function move(way) {
  const next = neighbour(way);
  if (!next) return;
  moveTo(...next);
  if (viewer.open) showPicture();
  else focusCell();
}

const SIDE_KEYS = { i: "input", o: "output", c: "curves" };
const KEYS = {
  "[": () => stepPicture(-1),
  "]": () => stepPicture(1),
  k: () => toggleCandidate(state.run, state.step),
  p: () => state.run && (canPick(state.run, state.step) ? copy(pickCommand(state.run, state.step)) : say(`step ${state.step} has no checkpoint to pick`)),
};
const GRID_KEYS = { Enter: () => state.run && openViewer(state.run, state.step), g: togglePlots, "/": () => byId("filter").focus(), "?": () => byId("about").showModal() };
const VIEWER_KEYS = { s: toggleCompare, ",": () => moveSlider(-2), ".": () => moveSlider(2), "+": () => zoom(1), "=": () => zoom(1), "-": () => zoom(-1) };

function actionOf(pressed) {
  if (judging.open) return JUDGE_KEYS[pressed];
  if (pressed in ARROWS) return () => move(ARROWS[pressed]);
  if (pressed in SIDE_KEYS) return () => (viewer.open ? showSide : chooseSide)(SIDE_KEYS[pressed]);
  return (viewer.open ? VIEWER_KEYS : GRID_KEYS)[pressed] ?? KEYS[pressed];
}

// On a button, a link or a field the browser itself acts on Enter.
const actsItself = (target) => target.matches("button, select, input, summary, a");

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("about").open) return;
  const typing = event.target.matches("select, input:not([type=range], [type=checkbox])");
  // The size has its own arrow keys; the slider's are those of the grid, and its own are comma and full stop.
  const own = event.target.matches("input[type=range]") && event.target !== slider && event.key in ARROWS;
  if (typing && event.key === "Escape") {
    // A browser would empty the field without a word, and the filter would go on.
    event.preventDefault();
    return focusCell();
  }
  if (typing || own) return;
  const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const action = actionOf(pressed);
  if (!action || (pressed === "Enter" && actsItself(event.target))) return;
  event.preventDefault();
  action();
});

byId("summary").textContent = summary();
buildGrid();
setSize(fittingSize());
buildChoices();
buildPlotChoices();
chooseTheme(store.get("theme") ?? "dark");
fillCells();
showRuns();
for (const run of runs) showCommand(run, lastStep(run));
const start = runs.find((run) => run.steps.length);
if (start) moveTo(start, start.steps.at(-1));
point(null);
document.documentElement.dataset.ready = "true";
