// Bradley and Terry's ranking from pairwise votes, by the same arithmetic as zero_dce/review/bradley_terry.py.

const PRIOR = 2;
const SURE = 0.95;
const ALIKE = 0.2;
const NEWTON_STEPS = 50;
const TOLERANCE = 1e-10;

// Votes are [one, other, share]: share is 1 where one was preferred, 0 where the other, 0.5 where neither.
export function rankVotes(count, votes) {
  const wins = square(count);
  for (const [one, other, share] of votes) {
    wins[one][other] += share;
    wins[other][one] += 1 - share;
  }
  const strengths = new Array(count).fill(0);
  for (let turn = 0; turn < NEWTON_STEPS; turn++) {
    const { gradient, curvature } = derivatives(strengths, wins);
    const step = solve(curvature, gradient.map((value) => [value])).map(([value]) => value);
    step.forEach((value, place) => (strengths[place] += value));
    if (Math.max(...step.map(Math.abs)) < TOLERANCE) break;
  }
  const { curvature } = derivatives(strengths, wins);
  const identity = square(count).map((row, place) => row.map((_, column) => Number(place === column)));
  return ranking(strengths, solve(curvature, identity));
}

const square = (count) => Array.from({ length: count }, () => new Array(count).fill(0));

// The gradient of the log posterior, and its curvature: the negative second derivative.
function derivatives(strengths, wins) {
  const count = strengths.length;
  const gradient = strengths.map((value) => -value / PRIOR ** 2);
  const curvature = square(count);
  for (let one = 0; one < count; one++) {
    curvature[one][one] += 1 / PRIOR ** 2;
    for (let other = 0; other < count; other++) {
      const games = wins[one][other] + wins[other][one];
      const expected = 1 / (1 + Math.exp(strengths[other] - strengths[one]));
      const weight = games * expected * (1 - expected);
      gradient[one] += wins[one][other] - games * expected;
      curvature[one][one] += weight;
      curvature[one][other] -= weight;
    }
  }
  return { gradient, curvature };
}

// Solves A X = B by elimination; A is symmetric and positive, so its diagonal never vanishes.
function solve(matrix, right) {
  const rows = matrix.map((row, place) => [...row, ...right[place]]);
  const count = rows.length;
  for (let pivot = 0; pivot < count; pivot++) {
    for (let row = 0; row < count; row++) {
      if (row === pivot) continue;
      const factor = rows[row][pivot] / rows[pivot][pivot];
      for (let column = pivot; column < rows[row].length; column++) rows[row][column] -= factor * rows[pivot][column];
    }
  }
  return rows.map((row, place) => row.slice(count).map((value) => value / row[place]));
}

function ranking(strengths, covariance) {
  const order = strengths.map((_, place) => place).sort((a, b) => strengths[b] - strengths[a] || a - b);
  const error = (one, other) => {
    return Math.sqrt(Math.max(0, covariance[one][one] + covariance[other][other] - 2 * covariance[one][other]));
  };
  // The probability that one is better than the other by more than a margin in log odds.
  const probability = (one, other, margin = 0) => {
    const difference = strengths[one] - strengths[other] - margin;
    return error(one, other) ? normal(difference / error(one, other)) : Number(difference > 0);
  };
  const [first, ...others] = order;
  const verdict = () => {
    if (others.every((other) => probability(first, other) >= SURE)) return "best";
    const within = 1 - probability(first, others[0], ALIKE) - probability(others[0], first, ALIKE);
    return within >= SURE ? "alike" : "more";
  };
  return { strengths, covariance, order, error, probability, verdict: verdict() };
}

// The normal distribution function, to 1e-7 (Abramowitz and Stegun 7.1.26).
function normal(value) {
  const x = Math.abs(value) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const coefficients = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  const series = coefficients.reduce((sum, part) => (sum + part) * t, 0);
  const tail = (series * Math.exp(-x * x)) / 2;
  return value < 0 ? tail : 1 - tail;
}
