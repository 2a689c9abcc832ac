// The grid: a row a run, a column a training step, each cell one picture.

const grid = byId("grid");
grid.style.setProperty("--columns", Math.max(1, data.steps.length));
const rowOf = new Map();
const cellElements = new Map();
const key = (run, step) => `${run.run}/${step}`;

// Sources are set when a cell comes near the window, so that a long sweep decodes only what is looked at.
const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      target.src = target.dataset.source;
    }
  },
  { root: grid, rootMargin: "300px" },
);

function buildGrid() {
  const columns = data.steps.map((step) => element("div", { role: "columnheader", class: "column" }, `step ${step}`));
  grid.append(element("div", { role: "row", class: "row steps" }, element("div", { class: "corner" }, "run"), ...columns));
  for (const run of runs) {
    const row = element("div", { role: "row", class: "row run", "data-run": String(run.run) }, head(run), ...data.steps.map((step) => cell(run, step)));
    row.style.setProperty("--colour", run.colour);
    row.onmouseenter = () => point(run);
    row.onmouseleave = () => point(null);
    rowOf.set(run, row);
  }
  grid.append(element("p", { class: "nothing", id: "nothing" }));
}

function head(run) {
  const name = element("button", { class: "name", "aria-pressed": "false", title: "mark this run in the plots" }, nameOf(run));
  name.onclick = () => pin(run);
  name.onfocus = () => point(run);
  const weights = Object.entries(run.weights).map(([term, value]) => `${term} ${short(value)}`).join("  ");
  const lines = [run.pareto ? element("div", {}, name, " ", frontBadge()) : name, element("div", { class: `state-${run.state.replace(" ", "-")}` }, stateText(run))];
  if (weights) lines.push(element("div", { class: "quiet numbers", title: "loss weights" }, weights));
  if (objectives.size) lines.push(objectiveValues(run));
  if (run.error) lines.push(element("div", { class: "error warning" }, run.error));
  if (run.washout !== null) lines.push(element("div", { class: "warning", title: FADES }, `fades from step ${run.washout}`));
  lines.push(element("div", { class: "numbers sorted-by" }), element("div", { class: "pick" }));
  return element("div", { class: "head", role: "rowheader" }, ...lines);
}

// What the alarm says of a run; the flag "washed out" is of one picture.
const FADES = "the wash-out alarm: of all validation pictures together, measured against this run's own best; ? says more";

function stateText(run) {
  const text = { unfinished: "unfinished: running, or stopped" }[run.state] ?? run.state;
  return run.step === null ? text : `${text}, step ${run.step}`;
}

function cell(run, step) {
  const made = element("div", { role: "gridcell", class: "cell" });
  if (run.steps.includes(step)) {
    const picture = element("button", { class: "picture", tabIndex: -1, "aria-label": `${nameOf(run)}, step ${step}` });
    picture.onclick = () => openViewer(run, step);
    picture.onfocus = () => moveTo(run, step);
    const foot = element("div", { class: "foot" });
    made.append(picture, foot);
    made.onmouseenter = () => showCommand(run, step);
    made.onmouseleave = () => showCommand(run, run === state.run ? state.step : lastStep(run));
    cellElements.set(key(run, step), made);
  }
  return made;
}

const lastStep = (run) => run.checkpoints.at(-1) ?? run.steps.at(-1) ?? null;

// Below the run: the command for the step under the mouse, or the current one, or the last.
function showCommand(run, step) {
  fillCommand(rowOf.get(run).querySelector(".pick"), run, step);
}

function fillCommand(box, run, step) {
  if (step === null) return box.replaceChildren();
  if (!canPick(run, step)) {
    const why = step === 0 ? "step 0 is untrained: there is no checkpoint to pick" : `step ${step} has no checkpoint to pick`;
    return box.replaceChildren(element("span", { class: "quiet" }, why));
  }
  const [button] = pickButtons(run, step);
  button.className = "";
  button.textContent = "Copy";
  const [command, ...options] = pickParts(run, step);
  // A line may end between options, not within one.
  const parts = options.flatMap((option) => [" ", element("span", {}, option)]);
  box.replaceChildren(button, element("code", { title: pickCommand(run, step) }, command, ...parts));
}

// Puts the chosen picture and side into every cell.
function fillCells() {
  for (const run of runs) for (const step of run.steps) fillCell(run, step);
}

function fillCell(run, step) {
  const made = cellElements.get(key(run, step));
  const content = cellOf(run, step);
  made.firstChild.replaceChildren(picture(run, step, content));
  const foot = flagElements(content?.flags ?? []);
  const value = valueAt(run, step, state.field);
  if (value !== null) foot.push(element("span", { class: "value" }, `${state.field} ${short(value)}`));
  const picks = pickButtons(run, step);
  for (const button of picks) button.tabIndex = run === state.run && step === state.step ? 0 : -1;
  made.lastChild.replaceChildren(...foot, ...picks);
}

// A button that copies the command; none where there is no checkpoint.
function pickButtons(run, step) {
  if (!canPick(run, step)) return [];
  const label = `copy the command that picks run ${run.run}, step ${step}`;
  const button = element("button", { class: "copy", title: pickCommand(run, step), "aria-label": label }, "pick");
  button.onclick = () => copy(pickCommand(run, step));
  return [button];
}

function picture(run, step, content) {
  if (!content) return state.number === null ? "no pictures saved" : "no picture";
  if (content.broken) return content.broken;
  const source = state.side === "output" ? thumbnail(run, step) : fileOf(run, step, state.side);
  if (!source) return `no ${SIDE_NAMES[state.side].toLowerCase()} saved`;
  const [width, height] = content.size;
  // The element has the picture's shape before it is decoded, so that nothing moves.
  const image = element("img", { alt: "", width, height, decoding: "async", "data-source": source });
  image.style.width = `calc(var(--cell) * ${Math.min(1, width / height)})`;
  image.onerror = () => {
    sayMissing();
    image.replaceWith(`${SIDE_NAMES[state.side]} is missing`);
  };
  near.observe(image);
  return image;
}

// A measure of validation at a step.
function valueAt(run, step, field) {
  const place = run.validation.steps.indexOf(step);
  return run.validation.values[field.replace(/^val\//, "")]?.[place] ?? null;
}

function showRows() {
  const rows = state.visible.map((run) => rowOf.get(run));
  const nothing = byId("nothing");
  grid.replaceChildren(grid.firstChild, ...rows, nothing);
  nothing.hidden = rows.length > 0 && data.steps.length > 0;
  nothing.textContent = emptyText();
  for (const run of state.visible) {
    const value = run.fields[state.field];
    rowOf.get(run).querySelector(".sorted-by").textContent = state.field && !(state.field in run.weights) && !objectives.has(state.field) ? `${state.field} ${short(value)}` : "";
  }
}

function emptyText() {
  if (runs.length === 0) return "The sweep's plan names no runs.";
  if (state.visible.length === 0) return "No run passes the filter.";
  return "There are no pictures and no checkpoints yet. Write this page again when the runs have come further.";
}

// Makes a cell the current one: it takes the keys and the focus.
function moveTo(run, step) {
  const before = state.run && cellElements.get(key(state.run, state.step));
  if (before) {
    before.classList.remove("current");
    before.firstChild.tabIndex = -1;
    before.querySelector(".copy")?.setAttribute("tabindex", "-1");
  }
  [state.run, state.step] = [run, step];
  const now = cellElements.get(key(run, step));
  now.classList.add("current");
  now.firstChild.tabIndex = 0;
  now.querySelector(".copy")?.setAttribute("tabindex", "0");
  showCommand(run, step);
  point(run);
}

function focusCell() {
  const made = state.run && cellElements.get(key(state.run, state.step));
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
function neighbour(move) {
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
