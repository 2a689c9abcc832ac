// The run that the mouse or the keys point at: the grid marks its row, and the plots its line.

import { byId, state } from "./data.js";
import { standingText } from "./pareto.js";

// The grid's row of each run.
export const rowOf = new Map();
const watchers = [];

// Has a function called whenever another run may be pointed at.
export const onPointed = (watcher) => watchers.push(watcher);

// Null goes back to the pinned run.
export function point(run, text) {
  state.pointed = run ?? state.pinned;
  byId("pointed").textContent = text ?? (state.pointed ? standingText(state.pointed) : "");
  for (const [each, row] of rowOf) row.classList.toggle("pointed", each === state.pointed);
  for (const watcher of watchers) watcher();
}

export function pin(run) {
  state.pinned = state.pinned === run ? null : run;
  for (const [each, row] of rowOf) {
    row.querySelector(".name").setAttribute("aria-pressed", String(each === state.pinned));
  }
  if (state.pinned) rowOf.get(run).scrollIntoView({ block: "nearest" });
  point(state.pinned);
}
