// Puts the parts together: what is chosen above the grid, the keys, and the start.

import {
  arrange, byId, canPick, choice, copy, data, element, fileOf, mark, pickCommand, runs, say, sayMissing, SIDES, state,
  withStorage,
} from "./data.js";
import { toggleExposure } from "./exposure.js";
import { numericFields, objectives } from "./fields.js";
import { applyFilter } from "./filter.js";
import { buildGrid, fillCells, focusCell, grid, lastStep, moveTo, neighbour, showCommand, showRows } from "./grid.js";
import { JUDGE_KEYS, judging, toggleCandidate } from "./judge.js";
import { explainFront } from "./pareto.js";
import { buildPlotChoices, drawPlots } from "./plots.js";
import { point } from "./pointing.js";
import { moveSlider, openViewer, showPicture, showSide, slider, toggleCompare, view, viewer, zoom } from "./viewer.js";

function choosePicture(number) {
  state.chosen = true;
  showNumber(number);
}

export function showNumber(number) {
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
  const hidden = !byId("plots").hidden;
  byId("plots").hidden = hidden;
  byId("toggle-plots").setAttribute("aria-pressed", String(!hidden));
  drawPlots();
}

function chooseTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
  withStorage((storage) => storage.setItem("zero_dce.theme", theme));
  drawPlots();
}

// The value, source and title of each picture's button: its input, from the first run that has saved it.
function pictureButton(number) {
  const names = new Set(runs.flatMap((run) => Object.values(run.cells).map((cells) => cells[number]?.name)));
  const known = [...names].filter(Boolean);
  const title = known.length > 1 ? `${number}: other photographs in other runs` : `${number} ${known[0] ?? ""}`;
  const sources = runs.flatMap((run) => run.steps.map((step) => fileOf(run, step, "input", number)));
  return [number, sources.find(Boolean), title];
}

function buttonContent([number, source, title]) {
  if (!source) return [number, number];
  const image = element("img", { alt: title, src: source });
  image.onerror = () => {
    sayMissing();
    image.replaceWith(number);
  };
  return [number, image];
}

function buildChoices() {
  choice(byId("sides"), Object.entries(SIDES), state.side, chooseSide);
  choice(byId("viewer-sides"), Object.entries(SIDES), view.side, showSide);
  fillChoices();
}

// Fills the choices, the legends and the summary with what the runs have now.
export function fillChoices() {
  fillPictures();
  const option = (value, text = "") => element("option", { value }, text);
  const sortable = numericFields.filter((name) => name !== "run");
  arrange(byId("sort"), [option("", "run"), ...sortable.map((name) => option(name, name))]);
  const front = objectives.size ? [option("pareto")] : [];
  arrange(byId("fields"), [...front, ...numericFields.map((name) => option(`${name}>`))]);
  const flags = () => data.flags.flatMap(({ kind, name, rule }) => {
    return [element("dt", {}, element("span", { class: `flag ${kind}` }, name)), element("dd", {}, rule)];
  });
  const [strip, about] = document.querySelectorAll(".legend");
  arrange(strip, [...explainFront(), ...flags()]);
  arrange(about, flags());
  byId("summary").textContent = summary();
}

function fillPictures() {
  const group = byId("pictures");
  const buttons = data.numbers.map(pictureButton);
  const key = JSON.stringify(buttons);
  if (group.key !== key) {
    group.key = key;
    choice(group, buttons.map(buttonContent), state.number, choosePicture);
    buttons.forEach(([, , title], place) => (group.children[place].title = title));
  }
  group.hidden = buttons.length === 0;
}

function summary() {
  const counts = new Map();
  for (const run of runs) counts.set(run.state, (counts.get(run.state) ?? 0) + 1);
  const states = [...counts].map(([name, count]) => `${count} ${name}`).join(", ");
  return [states || "no runs", data.written && `written ${data.written}`].filter(Boolean).join(" · ");
}

function setSize(pixels) {
  byId("size").value = pixels;
  document.documentElement.style.setProperty("--cell", `${byId("size").value}px`);
}

// Cells are as large as the thumbnails are, or so that all steps stand beside each other.
function fittingSize() {
  const free = grid.clientWidth - grid.querySelector(".corner").offsetWidth - 20;
  return Math.min(192, Math.max(120, free / Math.max(1, data.steps.length) - 8));
}

byId("filter").oninput = showRuns;
byId("sort").onchange = (event) => chooseField(event.target.value);
byId("direction").onclick = (event) => {
  state.descending = !state.descending;
  event.target.textContent = state.descending ? "descending" : "ascending";
  showRuns();
};
byId("size").oninput = (event) => setSize(event.target.value);
byId("toggle-plots").onclick = togglePlots;
byId("theme").onclick = () => chooseTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
byId("help").onclick = () => byId("about").showModal();
addEventListener("resize", () => {
  clearTimeout(drawPlots.timer);
  drawPlots.timer = setTimeout(drawPlots, 150);
});

// Makes the last step of a run the current cell, or of the first that has one.
export function startAt(run) {
  const start = run?.steps.length ? run : runs.find((each) => each.steps.length);
  if (start) moveTo(start, start.steps.at(-1));
}

function move(way) {
  const next = neighbour(way);
  if (!next) return;
  moveTo(...next);
  if (viewer.open) showPicture();
  else focusCell();
}

function copyCommand() {
  if (!state.run) return;
  if (canPick(state.run, state.step)) copy(pickCommand(state.run, state.step));
  else say(`step ${state.step} has no checkpoint to pick`);
}

const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
const SIDE_KEYS = { i: "input", o: "output", c: "curves" };
const KEYS = {
  "[": () => stepPicture(-1), "]": () => stepPicture(1),
  e: toggleExposure, k: () => toggleCandidate(state.run, state.step), p: copyCommand,
};
const GRID_KEYS = {
  Enter: () => state.run && openViewer(state.run, state.step), g: togglePlots,
  "/": () => byId("filter").focus(), "?": () => byId("about").showModal(),
};
const VIEWER_KEYS = {
  s: toggleCompare, ",": () => moveSlider(-2), ".": () => moveSlider(2),
  "+": () => zoom(1), "=": () => zoom(1), "-": () => zoom(-1),
};

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
  // The size has its own arrow keys; the slider leaves them to the grid, and has comma and full stop.
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

buildGrid(openViewer);
setSize(fittingSize());
buildChoices();
buildPlotChoices();
chooseTheme(withStorage((storage) => storage.getItem("zero_dce.theme")) ?? "dark");
fillCells();
showRuns();
for (const run of runs) showCommand(run, lastStep(run));
startAt(runs[0]);
point(null);
document.documentElement.dataset.ready = "true";
