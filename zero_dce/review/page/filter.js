// The filter's language and the order of rows: conditions such as exp>=10, and plain words.

import { byId, runs, state } from "./data.js";
import { fieldNames, isNumeric, objectives } from "./fields.js";

const COMPARE = {
  "=": (a, b) => a === b, "!=": (a, b) => a !== b,
  "<": (a, b) => a < b, "<=": (a, b) => a <= b,
  ">": (a, b) => a > b, ">=": (a, b) => a >= b,
};

// Returns the conditions of a filter's text, each a function of a run; throws a message for the person who wrote it.
function parseFilter(text) {
  const joined = text.replace(/\s*(!=|<=|>=|==|=|<|>)\s*/g, (_, sign) => (sign === "==" ? "=" : sign));
  return joined.split(/\s+/).filter(Boolean).map(parseCondition);
}

function parseCondition(word) {
  const [, name, sign, wanted] = word.match(/^([^<>=!]*)(!=|<=|>=|=|<|>)(.*)$/) ?? [];
  if (objectives.size && word.toLowerCase() === "pareto") return (run) => run.pareto === true;
  if (!sign) return (run) => run.text.includes(word.toLowerCase());
  if (!fieldNames.includes(name)) throw new Error(`no run has “${name}”`);
  if (wanted === "") throw new Error(`“${word}” lacks a value`);
  const number = Number(wanted);
  if (isNumeric(name) && Number.isNaN(number)) throw new Error(`“${wanted}” is not a number`);
  return (run) => {
    const value = run.fields[name];
    if (value === null || value === undefined) return false;
    if (typeof value === "number") return COMPARE[sign](value, number);
    return COMPARE[sign](String(value).toLowerCase(), wanted.toLowerCase());
  };
}

function sorted(chosen) {
  if (state.field === "") return state.descending ? [...chosen].reverse() : chosen;
  const value = (run) => run.fields[state.field];
  const isKnown = (run) => typeof value(run) === "number";
  const known = chosen.filter(isKnown);
  known.sort((a, b) => (state.descending ? value(b) - value(a) : value(a) - value(b)) || a.run - b.run);
  // Runs without the value come last in both directions.
  return [...known, ...chosen.filter((run) => !isKnown(run))];
}

// Applies the text; a wrong one is said, and changes nothing.
export function applyFilter() {
  const says = byId("filter-says");
  const text = byId("filter").value;
  try {
    const conditions = parseFilter(text);
    state.visible = sorted(runs.filter((run) => conditions.every((holds) => holds(run))));
    says.textContent = text.trim() ? `${state.visible.length} of ${runs.length} runs` : "";
    says.className = "quiet";
  } catch (error) {
    state.visible = sorted(state.visible.filter((run) => runs.includes(run)));
    says.textContent = error.message;
    says.className = "warning";
  }
}
