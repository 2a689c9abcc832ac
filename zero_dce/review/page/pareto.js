// The Pareto front of a search: which runs are on it, and the words for it beside a run, in the legend and the help.

import { byId, element, nameOf, short } from "./data.js";
import { objectives } from "./fields.js";

const FRONT_RULE = "no other run is better in one objective without being worse in another";
export const MARKS = {
  front: { glyph: "◆", size: 13, says: "Pareto front" },
  other: { glyph: "○", size: 10, says: "other finished runs" },
  uncounted: { glyph: "×", size: 8, says: "not counted: not finished, faded or incomplete" },
};

export function markOf(run) {
  if (run.pareto === null) return "uncounted";
  return run.pareto ? "front" : "other";
}

export const isMaximized = (name) => objectives.get(name) === "maximize";
export const betterText = (name) => (isMaximized(name) ? "higher is better" : "lower is better");

// Why a run does not count, or where it stands.
function standing(run) {
  if (run.pareto !== null) return run.pareto ? "on the Pareto front" : "not on the Pareto front";
  if (run.state !== "finished") return `not counted: ${run.state}`;
  if (run.washout !== null) return `not counted: fades from step ${run.washout}`;
  const lacking = [...objectives.keys()].filter((name) => typeof run.fields[name] !== "number");
  return `not counted: lacks ${lacking.join(", ")}`;
}

export function frontBadge() {
  const glyph = element("span", { "aria-hidden": "true" }, MARKS.front.glyph);
  return element("span", { class: "front", title: `Pareto front: ${FRONT_RULE}` }, glyph, " Pareto front");
}

// Shows below a run's name what a choice from the front weighs up. A line may end between values, not within one.
export function objectiveValues(run) {
  const values = [...objectives.keys()].map((name) => element("span", {}, `${name} ${short(run.fields[name])}`));
  const parts = values.flatMap((value) => ["  ", value]);
  return element("div", { class: "numbers objectives", title: "objectives" }, ...parts.slice(1));
}

// Fills what the help and the filter say of the front, and returns the legend's part; of a grid nothing is said.
export function explainFront() {
  if (!objectives.size) return [];
  const wanted = [...objectives.keys()].map((name) => `${name}: ${betterText(name)}`).join("; ");
  byId("about-objectives").textContent = wanted;
  for (const part of document.querySelectorAll(".about-front")) part.hidden = false;
  const filter = byId("filter");
  if (!filter.placeholder.startsWith("pareto")) filter.placeholder = `pareto  ${filter.placeholder}`;
  return [element("dt", {}, frontBadge()), element("dd", {}, `${FRONT_RULE} (${wanted})`)];
}

// The values of a run that the scatter shows, those that it could show, and where the run stands.
export function standingLines(run) {
  const names = new Set([byId("scatter-y").value, byId("scatter-x").value, ...objectives.keys()]);
  return [...[...names].map((name) => `${name} ${short(run.fields[name])}`), standing(run)];
}

// In a grid this is only the run's name.
export function standingText(run) {
  return objectives.size ? `${nameOf(run)}: ${standingLines(run).join(", ")}` : nameOf(run);
}
