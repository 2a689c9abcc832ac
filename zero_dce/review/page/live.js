// Follows the runs on a page that a server gave: asks it every other second what is new, and changes only those parts
// of the page. A page that is a file has no such module.

import { byId, colourRuns, data, element, nameOf, runs, state, usualNumber } from "./data.js";
import { objectives, readFields } from "./fields.js";
import { applyFilter } from "./filter.js";
import { arrangeGrid, cellElement, fillCells, forgetRow, lastStep, moveTo, showCommand, showRows } from "./grid.js";
import { retryPair } from "./judge.js";
import { fillChoices, showNumber, startAt } from "./main.js";
import { drawPlots, fillPlotChoices, redrawPlots } from "./plots.js";
import { rowOf } from "./pointing.js";
import { refreshPicture, view, viewer } from "./viewer.js";

const MILLISECONDS = 2000;
const MOST_MILLISECONDS = 20_000;
const status = element("span", { id: "live" });
const trouble = element("p", { id: "trouble", class: "warning", role: "alert", hidden: true });
let timer = null;
let lastAnswer = new Date();
let lastChange = null;
let isConnected = true;

async function ask() {
  clearTimeout(timer);
  timer = null;
  const answer = await fetchChanges();
  const isBack = answer !== null && !isConnected;
  isConnected = answer !== null;
  if (isConnected) lastAnswer = new Date();
  if (answer?.folder && answer.folder !== data.folder) {
    status.textContent = "no longer following";
    return sayTrouble(`This address shows another folder now, ${answer.folder}: load the page again to see it.`);
  }
  try {
    if (isConnected) take(answer, isBack);
    showStatus();
  } finally {
    timer = setTimeout(ask, MILLISECONDS);
  }
}

// Returns null where there is no answer.
async function fetchChanges() {
  try {
    const signal = AbortSignal.timeout(MOST_MILLISECONDS);
    const response = await fetch(`changes?id=${data.id}&since=${data.version}`, { cache: "no-store", signal });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

function take({ runs: fresh, ...ofAll }, isBack) {
  const isNew = fresh.length > 0 || "folder" in ofAll;
  Object.assign(data, ofAll);
  if (isNew) lastChange = new Date();
  if (isNew || isBack) keepFocus(() => refresh(fresh));
  // What could not be loaded while the server was gone is loaded now.
  if (isBack) retryPair();
}

function refresh(fresh) {
  const before = objectives.size;
  joinRuns(fresh);
  readFields();
  fillChoices();
  fillPlotChoices();
  arrangeGrid();
  if (state.chosen || state.number === usualNumber()) fillCells();
  else showNumber(usualNumber());
  applyFilter();
  showRows();
  keepCell();
  for (const run of runs) keepCommand(run);
  if (objectives.size === before) redrawPlots();
  else drawPlots();
  if (!byId("viewer-missing").hidden) view.key = null;
  refreshPicture();
}

// A run that is known stays the same object, which all parts of the page hold.
function joinRuns(fresh) {
  for (const now of fresh) {
    const run = runs.find((each) => each.run === now.run);
    if (run && nameOf(run) !== nameOf(now)) forgetRow(run);
    if (run) Object.assign(run, now, { revision: data.version });
    else runs.push(now);
  }
  for (const run of runs.filter((each) => !data.live.numbers.includes(each.run))) {
    forgetRow(run);
    runs.splice(runs.indexOf(run), 1);
    if (state.pinned === run) state.pinned = null;
  }
  runs.sort((a, b) => a.run - b.run);
  colourRuns();
}

// The current cell stays, unless it is no longer there.
function keepCell() {
  const { run, step } = state;
  if (runs.includes(run) && run.steps.includes(step)) {
    // Its row may have been made again.
    if (!cellElement(run, step).matches(".current")) moveTo(run, step);
  } else if (!viewer.open) {
    [state.run, state.step] = [null, null];
    startAt(runs.includes(run) ? run : runs[0]);
  }
}

// Below a run stands the command for its current cell, or its last; what the mouse is on stays.
function keepCommand(run) {
  if (rowOf.get(run).querySelector(".cell:hover")) return;
  showCommand(run, run === state.run ? state.step : lastStep(run));
}

// An element that was put elsewhere loses the focus.
function keepFocus(act) {
  const focused = document.activeElement;
  act();
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

function showStatus() {
  status.textContent = statusText();
  status.className = isConnected ? "quiet" : "warning";
  status.role = isConnected ? null : "alert";
  sayTrouble(data.live.trouble);
}

function statusText() {
  if (!isConnected) return `not connected, last update ${timeOf(lastAnswer)}`;
  if (data.live.waiting) return "waiting";
  if (data.live.ended) return "all runs have ended";
  return lastChange ? `following the runs, last change ${timeOf(lastChange)}` : "following the runs";
}

const timeOf = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function sayTrouble(text) {
  trouble.textContent = text;
  trouble.hidden = text === "";
}

// A page in the background, or on a computer that sleeps, is asked for seldom; when it is looked at, it is new.
function askNow() {
  if (timer !== null && !document.hidden) ask();
}

byId("direction").after(element("span", { class: "space" }), status);
byId("missing").after(trouble);
addEventListener("online", askNow);
document.addEventListener("visibilitychange", askNow);
showStatus();
timer = setTimeout(ask, MILLISECONDS);
