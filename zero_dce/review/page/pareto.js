// The Pareto front of a sweep with several objectives: who is on it, and the words for it beside a run, in the legend and the help.

// Directions by the names that the page has for the objectives; empty for a grid, which then shows nothing of all this.
const objectives = new Map(Object.entries(data.objectives).map(([name, direction]) => [pageName(name), direction]));
const FRONT_RULE = "no other run is better in one objective without being worse in another";
const MARKS = {
  front: { glyph: "◆", size: 13, says: "Pareto front" },
  other: { glyph: "○", size: 10, says: "other finished runs" },
  uncounted: { glyph: "×", size: 8, says: "not counted: not finished, faded or incomplete" },
};

function pageName(measure) {
  const bare = measure.replace(/^val\//, "");
  return hasOwnMeaning(bare) ? measure : bare;
}

const markOf = (run) => (run.pareto === null ? "uncounted" : run.pareto ? "front" : "other");
const betterText = (name) => (objectives.get(name) === "maximize" ? "higher is better" : "lower is better");

// Why a run does not count, or where it stands.
function standing(run) {
  if (run.pareto !== null) return run.pareto ? "on the Pareto front" : "not on the Pareto front";
  if (run.state !== "finished") return `not counted: ${run.state}`;
  if (run.washout !== null) return `not counted: fades from step ${run.washout}`;
  return `not counted: lacks ${[...objectives.keys()].filter((name) => typeof run.fields[name] !== "number").join(", ")}`;
}

function frontBadge() {
  const glyph = element("span", { "aria-hidden": "true" }, MARKS.front.glyph);
  return element("span", { class: "front", title: `Pareto front: ${FRONT_RULE}` }, glyph, " Pareto front");
}

// Below a run's name: what a choice from the front weighs up. A line may end between values, not within one.
function objectiveValues(run) {
  const values = [...objectives.keys()].flatMap((name) => ["  ", element("span", {}, `${name} ${short(run.fields[name])}`)]);
  return element("div", { class: "numbers objectives", title: "objectives" }, ...values.slice(1));
}

// The legend's, the help's and the filter's part; a grid's page has none.
function explainFront() {
  if (!objectives.size) return;
  const wanted = [...objectives.keys()].map((name) => `${name}: ${betterText(name)}`).join("; ");
  document.querySelector(".strip .legend").prepend(element("dt", {}, frontBadge()), element("dd", {}, `${FRONT_RULE} (${wanted})`));
  byId("about-objectives").textContent = wanted;
  for (const part of document.querySelectorAll(".about-front")) part.hidden = false;
  byId("filter").placeholder = `pareto  ${byId("filter").placeholder}`;
  byId("fields").prepend(element("option", { value: "pareto" }));
}

// The values of a run that the scatter shows, those that it could show, and where the run stands.
function standingLines(run) {
  const names = new Set([byId("scatter-y").value, byId("scatter-x").value, ...objectives.keys()]);
  return [...[...names].map((name) => `${name} ${short(run.fields[name])}`), standing(run)];
}

// Its name alone in a grid.
const standingText = (run) => (objectives.size ? `${nameOf(run)}: ${standingLines(run).join(", ")}` : nameOf(run));
