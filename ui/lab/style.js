// The page's colours and font, as what is drawn on a canvas needs them.

/** Two colours mixed; not every browser's canvas knows CSS's color-mix. */
function mixed(one, other, share) {
  const parts = [one, other].map((colour) => /^#[0-9a-f]{6}$/i.test(colour) && [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)));
  return parts[0] && parts[1] ? `rgb(${parts[0].map((v, i) => Math.round(share * v + (1 - share) * parts[1][i])).join(" ")})` : one;
}

/** What the theme says now. terms: the terms' colours, which are the same in every theme. */
export function readStyle(lab, terms) {
  const css = getComputedStyle(lab), get = (name) => css.getPropertyValue(name).trim();
  const text = get("--st-text-color"), background = get("--st-background-color");
  return {
    text, background, panel: get("--st-secondary-background-color"), primary: get("--st-primary-color"),
    soft: mixed(text, background, 0.78), faint: mixed(text, background, 0.22),
    font: get("--st-font") || "sans-serif", size: parseFloat(get("--small")) || 13, ...terms,
  };
}
