// The values of runs by name, and which of them a search was for.

import { data, nameOf, runs } from "./data.js";

const bareName = (name) => name.replace(/^val\//, "");

// Weights and swept values have bare names; a measure has its bare name where that is free.
function fieldsOf(run) {
  const fields = { run: run.run, state: run.state, step: run.step, washout: run.washout };
  Object.assign(fields, run.weights, run.swept);
  for (const [name, value] of Object.entries(run.measures)) {
    fields[name] = value;
    const bare = bareName(name);
    if (!(bare in fields)) fields[bare] = value;
  }
  return fields;
}

// Whether a measure's bare name is taken by a weight or a swept value.
export const hasOwnMeaning = (bare) => runs.some((run) => bare in run.weights || bare in run.swept);
const pageName = (measure) => (hasOwnMeaning(bareName(measure)) ? measure : bareName(measure));

export const fieldNames = [];
export const isNumeric = (name) => runs.some((run) => typeof run.fields[name] === "number");
// Each number is there under one name: val/psnr_gain is left out beside psnr_gain.
export const numericFields = [];

// The directions of a search's objectives by their names on the page; empty for a grid, whose page shows no front.
export const objectives = new Map();

// Reads all this from the runs as they are now.
export function readFields() {
  for (const run of runs) {
    run.fields = fieldsOf(run);
    run.text = [nameOf(run), run.state, run.error ?? ""].join(" ").toLowerCase();
  }
  fieldNames.splice(0, Infinity, ...new Set(runs.flatMap((run) => Object.keys(run.fields))));
  const isShown = (name) => isNumeric(name) && pageName(name) === name;
  numericFields.splice(0, Infinity, ...fieldNames.filter(isShown));
  objectives.clear();
  for (const [name, direction] of Object.entries(data.objectives)) objectives.set(pageName(name), direction);
}
readFields();

// A measure of validation at a step.
export function valueAt(run, step, field) {
  const place = run.validation.steps.indexOf(step);
  return run.validation.values[bareName(field)]?.[place] ?? null;
}
