// The filter's language and the order of rows: conditions such as exp>=10, and plain words.

// A run's values by name. Weights and swept values have bare names; a measure has its bare name where that is free.
function fieldsOf(run) {
  const fields = { run: run.run, state: run.state, step: run.step, washout: run.washout };
  Object.assign(fields, run.weights, run.swept);
  for (const [name, value] of Object.entries(run.measures)) {
    fields[name] = value;
    const bare = name.replace(/^val\//, "");
    if (!(bare in fields)) fields[bare] = value;
  }
  return fields;
}

runs.forEach((run) => {
  run.fields = fieldsOf(run);
  run.text = [nameOf(run), run.state, run.error ?? ""].join(" ").toLowerCase();
});
const fieldNames = [...new Set(runs.flatMap((run) => Object.keys(run.fields)))];
const isNumeric = (name) => runs.some((run) => typeof run.fields[name] === "number");
// One name for each number: not val/psnr_gain beside psnr_gain.
const numericFields = fieldNames.filter((name) => {
  return isNumeric(name) && !(name.startsWith("val/") && !hasOwnMeaning(name.slice(4)));
});

// Whether a measure's bare name is taken by a weight or a swept value.
function hasOwnMeaning(bare) {
  return runs.some((run) => bare in run.weights || bare in run.swept);
}

const COMPARE = {
  "=": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
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
  const value = (run) => run.fields[state.field];
  const known = chosen.filter((run) => typeof value(run) === "number");
  // Runs without the value come last in both directions.
  const unknown = chosen.filter((run) => typeof value(run) !== "number");
  if (state.field === "") return state.descending ? [...chosen].reverse() : chosen;
  known.sort((a, b) => (state.descending ? value(b) - value(a) : value(a) - value(b)) || a.run - b.run);
  return [...known, ...unknown];
}

// Applies the text; a wrong one is said, and changes nothing.
function applyFilter() {
  const says = byId("filter-says");
  const text = byId("filter").value;
  try {
    const conditions = parseFilter(text);
    state.visible = sorted(runs.filter((run) => conditions.every((holds) => holds(run))));
    says.textContent = text.trim() ? `${state.visible.length} of ${runs.length} runs` : "";
    says.className = "quiet";
  } catch (error) {
    state.visible = sorted(state.visible);
    says.textContent = error.message;
    says.className = "warning";
  }
}
