// One sentence on what you see: shown above the pictures, and read out when it changes.

/** A number with two digits: 0.05, 1.1. */
export const digits2 = (value) => {
  const text = value >= 0.0995 || value === 0 ? value.toFixed(value >= 1 ? 1 : 2) : value.toPrecision(1);
  return Number(text) < 0.001 ? "under 0.001" : text;
};

/** How many of ten: .42 is 4.2. */
export const tenths = (share) => (10 * share).toFixed(1);

/** What there is to see, as {kind, text}. seen: as the worker sends it; share: of the 10 nearest, digit, ink, paper. */
export function describe({ steps, std, eigen }, share, { mu }, pictures = 400) {
  const most = Math.max(...std), D = std.length;
  const thin = eigen[0] > 0 ? eigen[1] / eigen[0] : 0;
  if (!steps) return { kind: "new", text: "A new network: everything lies close together." };
  if (most < 0.05) return { kind: "point", text: `All ${pictures} pictures lie at one point: largest std ${digits2(most)}.` };
  if (most < 0.5) {
    return mu
      ? { kind: "spreading", text: `They spread out: largest std ${digits2(most)}, the target is 1.` }
      : { kind: "falling", text: `They are collapsing: largest std ${digits2(most)}.` };
  }
  if (thin < 0.05) {
    return { kind: "line", text: `They lie on a line: ${D === 2 ? "both" : "all"} dimensions carry the same information.` };
  }
  if (!share) return { kind: "spread", text: `Spread out: std ${digits2(Math.min(...std))} to ${digits2(most)}.` };
  const [digit, ink] = share;
  if (ink >= 0.35 && ink > 1.2 * digit) {
    return { kind: "colour", text: `Grouped by colour: ${tenths(ink)} of the 10 nearest share the ink.` };
  }
  if (digit >= 0.25) {
    return { kind: "digit", text: `Grouped by digit: of the 10 nearest, ${tenths(digit)} show the same digit (guessing: 1).` };
  }
  return { kind: "spread", text: "Spread out, but neighbours share little." };
}

/** The picture that is chosen. hues: the names of the inks and papers. */
export function describeChoice({ choice, pictures, points, nearest }, hues) {
  const digit = pictures.digit[choice], same = nearest.filter((k) => pictures.digit[k] === digit).length;
  return points
    ? `One view of a ${digit}; the line leads to the other view of the same picture.`
    : `A ${digit} in ${hues[pictures.ink[choice]]} ink on ${hues[pictures.paper[choice]]} paper: ${same} of its 5 nearest here show a ${digit}. The orange line joins its two views.`;
}
