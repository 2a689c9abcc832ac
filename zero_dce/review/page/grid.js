// The grid: one row per run, one column per training step, each cell one picture.

import {
  arrange, byId, canPick, cellOf, copy, data, element, fileOf, flagElements, nameOf, pickCommand, pickParts, runs,
  sayMissing, short, SIDES, state, thumbnail,
} from "./data.js";
import { setExposure } from "./exposure.js";
import { objectives, valueAt } from "./fields.js";
import { frontBadge, objectiveValues } from "./pareto.js";
import { pin, point, rowOf } from "./pointing.js";

export const grid = byId("grid");
let openCell = null;
const cellElements = new Map();
export const cellElement = (run, step) => cellElements.get(`${run.run}/${step}`);

// Sources are set when a cell comes near the window, so that a long sweep decodes only what is looked at.
const near = new IntersectionObserver(loadNear, { root: grid, rootMargin: "300px" });

function loadNear(entries) {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    near.unobserve(target);
    target.src = target.dataset.source;
  }
}

// A click on a cell calls `open` with its run and step.
export function buildGrid(open) {
  openCell = open;
  const steps = element("div", { role: "row", class: "row steps" }, element("div", { class: "corner" }, "run"));
  grid.append(steps, element("p", { class: "nothing", id: "nothing" }));
  arrangeGrid();
}

// Makes what lacks of columns, rows and cells; what is there stays.
export function arrangeGrid() {
  grid.style.setProperty("--columns", Math.max(1, data.steps.length));
  const columns = data.steps.map((step) => element("div", { role: "columnheader", class: "column" }, `step ${step}`));
  arrange(grid.firstChild, [grid.firstChild.firstChild, ...columns]);
  for (const run of runs) {
    if (!rowOf.has(run)) rowOf.set(run, buildRow(run));
    const head = rowOf.get(run).firstChild;
    arrange(head, headLines(head, run));
    arrange(rowOf.get(run), [head, ...data.steps.map((step) => cellFor(run, step))]);
  }
}

// Has a run's row made again, which has another name now, or none.
export function forgetRow(run) {
  rowOf.delete(run);
  for (const step of run.steps) cellElements.delete(`${run.run}/${step}`);
}

function buildRow(run) {
  const marks = { class: "name", "aria-pressed": String(run === state.pinned), title: "mark this run in the plots" };
  const name = element("button", marks, nameOf(run));
  name.onclick = () => pin(run);
  name.onfocus = () => point(run);
  const lasting = [name, element("div", { class: "numbers sorted-by" }), element("div", { class: "pick" })];
  const head = element("div", { class: "head", role: "rowheader" }, ...lasting);
  const row = element("div", { role: "row", class: "row run", "data-run": String(run.run) }, head);
  row.style.setProperty("--colour", run.colour);
  row.onmouseenter = () => point(run);
  row.onmouseleave = () => point(null);
  return row;
}

// The lines of a run's head: three that last, and what is said of the run now.
function headLines(head, run) {
  const [name, sortedBy, pick] = [".name", ".sorted-by", ".pick"].map((one) => head.querySelector(one));
  const weights = Object.entries(run.weights).map(([term, value]) => `${term} ${short(value)}`).join("  ");
  const marked = name.parentElement !== head;
  const lines = [run.pareto && !marked ? element("div", {}, name, " ", frontBadge()) : name];
  if (run.pareto && marked) lines[0] = name.parentElement;
  lines.push(element("div", { class: `state-${run.state.replace(" ", "-")}` }, stateText(run)));
  if (weights) lines.push(element("div", { class: "quiet numbers", title: "loss weights" }, weights));
  if (objectives.size) lines.push(objectiveValues(run));
  if (run.error) lines.push(element("div", { class: "error warning" }, run.error));
  if (run.washout !== null) {
    lines.push(element("div", { class: "warning", title: FADES }, `fades from step ${run.washout}`));
  }
  return [...lines, sortedBy, pick];
}

// This is what the alarm says of a run; the flag "washed out" is of one picture.
const FADES =
  "the wash-out alarm: of all validation pictures together, measured against this run's own best; ? says more";

function stateText(run) {
  const text = run.state === "unfinished" ? "unfinished: running, or stopped" : run.state;
  return run.step === null ? text : `${text}, step ${run.step}`;
}

function cellFor(run, step) {
  const name = `${run.run}/${step}`;
  if (!run.steps.includes(step)) {
    cellElements.delete(name);
    return element("div", { role: "gridcell", class: "cell" });
  }
  if (!cellElements.has(name)) cellElements.set(name, buildCell(run, step));
  return cellElements.get(name);
}

function buildCell(run, step) {
  const made = element("div", { role: "gridcell", class: "cell" });
  const label = `${nameOf(run)}, step ${step}`;
  const picture = element("button", { class: "picture", tabIndex: -1, "aria-label": label });
  picture.onclick = () => openCell(run, step);
  picture.onfocus = () => moveTo(run, step);
  made.append(picture, element("div", { class: "foot" }));
  made.onmouseenter = () => showCommand(run, step);
  made.onmouseleave = () => showCommand(run, run === state.run ? state.step : lastStep(run));
  return made;
}

export const lastStep = (run) => run.checkpoints.at(-1) ?? run.steps.at(-1) ?? null;

// Shows the command below the run: for the step under the mouse, or the current one, or the last.
export function showCommand(run, step) {
  fillCommand(rowOf.get(run).querySelector(".pick"), run, step);
}

export function fillCommand(box, run, step) {
  if (step === null) return arrange(box, []);
  if (!canPick(run, step)) {
    const why = step === 0 ? "step 0 is untrained: there is no checkpoint" : `step ${step} has no checkpoint`;
    return arrange(box, [element("span", { class: "quiet" }, `${why} to pick`)]);
  }
  const [button] = pickButtons(run, step);
  button.className = "";
  button.textContent = "Copy";
  const [command, ...options] = pickParts(run, step);
  // A line may end between options, not within one.
  const parts = options.flatMap((option) => [" ", element("span", {}, option)]);
  arrange(box, [button, element("code", { title: pickCommand(run, step) }, command, ...parts)]);
}

// Puts the chosen picture and side into every cell that does not show them as they are now.
export function fillCells() {
  for (const run of runs) {
    for (const step of run.steps) fillCell(run, step);
  }
}

function fillCell(run, step) {
  const made = cellElement(run, step);
  const content = cellOf(run, step);
  const value = valueAt(run, step, state.field);
  const key = JSON.stringify([state.number, state.side, content, canPick(run, step), state.field, value]);
  if (made.key === key) return;
  made.key = key;
  made.firstChild.replaceChildren(pictureOf(run, step, content));
  const foot = flagElements(content?.flags ?? []);
  if (value !== null) foot.push(element("span", { class: "value" }, `${state.field} ${short(value)}`));
  made.lastChild.replaceChildren(...foot, ...pickButtons(run, step));
  setTabStop(made, run === state.run && step === state.step);
}

// A button that copies the command; none where there is no checkpoint.
export function pickButtons(run, step) {
  if (!canPick(run, step)) return [];
  const label = `copy the command that picks run ${run.run}, step ${step}`;
  const button = element("button", { class: "copy", title: pickCommand(run, step), "aria-label": label }, "pick");
  button.onclick = () => copy(pickCommand(run, step));
  return [button];
}

function pictureOf(run, step, content) {
  if (!content) return state.number === null ? "no pictures saved" : "no picture";
  if (content.broken) return content.broken;
  const source = state.side === "output" ? thumbnail(run, step) : fileOf(run, step, state.side);
  if (!source) return `no ${SIDES[state.side].toLowerCase()} saved`;
  const [width, height] = content.size;
  // The element has the picture's shape before it is decoded, so that nothing moves.
  const image = element("img", { alt: "", width, height, decoding: "async", "data-source": source });
  image.style.width = `calc(var(--cell) * ${Math.min(1, width / height)})`;
  setExposure(image, run, step, state.side);
  image.onerror = () => {
    sayMissing();
    image.replaceWith(`${SIDES[state.side]} is missing`);
    cellElement(run, step).key = null;
  };
  near.observe(image);
  return image;
}

export function showRows() {
  const nothing = byId("nothing");
  arrange(grid, [grid.firstChild, ...state.visible.map((run) => rowOf.get(run)), nothing]);
  nothing.hidden = state.visible.length > 0 && data.steps.length > 0;
  nothing.textContent = emptyText();
  for (const run of state.visible) {
    const shownAlready = state.field === "" || state.field in run.weights || objectives.has(state.field);
    const text = shownAlready ? "" : `${state.field} ${short(run.fields[state.field])}`;
    rowOf.get(run).querySelector(".sorted-by").textContent = text;
  }
}

function emptyText() {
  if (data.live?.waiting) return data.live.waiting;
  if (runs.length === 0) return "The sweep's plan names no runs.";
  if (state.visible.length === 0) return "No run passes the filter.";
  const next = data.live ? "They will appear here." : "Write this page again when the runs have come further.";
  return `There are no pictures and no checkpoints yet. ${next}`;
}

// Tab leads to the current cell only; arrow keys lead to the others.
function setTabStop(made, on) {
  for (const button of made.querySelectorAll(".picture, .copy")) button.tabIndex = on ? 0 : -1;
}

const currentCell = () => state.run && cellElement(state.run, state.step);

// Makes a cell the current one: it takes the keys and the focus.
export function moveTo(run, step) {
  const before = currentCell();
  if (before) {
    before.classList.remove("current");
    setTabStop(before, false);
  }
  [state.run, state.step] = [run, step];
  currentCell().classList.add("current");
  setTabStop(currentCell(), true);
  showCommand(run, step);
  point(run);
}

export function focusCell() {
  const made = currentCell();
  if (!made) return;
  made.firstChild.focus({ preventScroll: true });
  showWhole(made);
}

// Scrolls so far that neither the steps above nor the run on the left cover the cell.
function showWhole(made) {
  const top = grid.firstChild.offsetHeight;
  const left = made.parentElement.firstChild.offsetWidth;
  const [cell, view] = [made.getBoundingClientRect(), grid.getBoundingClientRect()];
  const down = Math.max(0, cell.bottom - view.bottom + 16) || Math.min(0, cell.top - view.top - top);
  const right = Math.max(0, cell.right - view.right + 16) || Math.min(0, cell.left - view.left - left);
  grid.scrollBy(right, down);
}

// The cell that an arrow key leads to: the next that exists, runs in their order on the page. Null at the end.
export function neighbour(move) {
  if (!state.run) return null;
  const steps = state.run.steps;
  if (move === "left" || move === "right") {
    const step = steps[steps.indexOf(state.step) + (move === "right" ? 1 : -1)];
    return step === undefined ? null : [state.run, step];
  }
  const way = move === "down" ? 1 : -1;
  const order = state.visible;
  for (let place = order.indexOf(state.run) + way; order[place]; place += way) {
    if (order[place].steps.includes(state.step)) return [order[place], state.step];
  }
  return null;
}
