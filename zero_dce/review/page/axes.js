// The ranges of a plot's axes, and the numbers beside them.

// Values that span more than this are easier to compare on a logarithmic axis.
const WIDE = 8;

export const spansWidely = (values) => Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) >= WIDE;

// The range has a margin, so that no point lies on the frame.
export function rangeOf(values, log) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = log ? (high / low) ** 0.08 : (high - low) * 0.08 || Math.abs(low) * 0.1 || 1;
  return log ? [low / margin, high * margin] : [low - margin, high + margin];
}

// From the smallest to the largest value: whole powers of ten would leave most of the plot empty.
export function logRange(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = Math.max((high / low) ** 0.05, 1.02);
  return [low / margin, high * margin];
}

// Returns 1, 2 and 5 of each power of ten, and more of them where there would be fewer than three.
export function logSplits(low, high) {
  const within = (digits) => {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const digit of digits) found.push(digit * 10 ** power);
    }
    return found.filter((value) => value >= low && value <= high);
  };
  const choices = [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 6, 8]].map(within);
  return choices.find((found) => found.length >= 3) ?? choices.at(-1);
}
