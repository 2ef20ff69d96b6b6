// Keep the state in the page's URL, so that a link opens exactly this state. Defaults are left out.

export const TWO = { dimensions: 2, width: 64, rate: 0.002, lambda: 25, mu: 25, nu: 25 };
export const MORE = { dimensions: 8, width: 128, rate: 0.005, lambda: 10, mu: 25, nu: 5 };

/** What a network with D dimensions starts with. */
export const defaults = (D) => ({ ...(D === 2 ? TWO : MORE), dimensions: D, seed: 1 });

const weight = (v) => Number.isInteger(v) && v >= 0 && v <= 50; // as the sliders
const NUMBERS = {
  seed: (v) => Number.isInteger(v) && v >= 0 && v <= 9999,
  width: (v) => [32, 64, 128].includes(v),
  rate: (v) => [0.0005, 0.001, 0.002, 0.003, 0.005].includes(v),
  lambda: weight,
  mu: weight,
  nu: weight,
};
export const DIMENSIONS = [2, 4, 8, 16];
const OURS = [...Object.keys(NUMBERS), "dimensions", "points"];

/** The settings that a query asks for, and whether it asks for free points; what makes no sense is ignored. */
export function readAddress(search) {
  const asked = new URLSearchParams(search);
  const number = (name) => (asked.get(name)?.trim() ? Number(asked.get(name)) : NaN);
  const D = number("dimensions");
  const settings = defaults(DIMENSIONS.includes(D) ? D : 2);
  for (const [name, fits] of Object.entries(NUMBERS)) if (fits(number(name))) settings[name] = number(name);
  return { settings, points: asked.get("points") === "true" };
}

/** The query for settings, with every other parameter of the page kept. */
export function writeAddress(search, settings, points) {
  const query = new URLSearchParams(search);
  for (const name of OURS) query.delete(name);
  const usual = defaults(settings.dimensions);
  if (settings.dimensions !== 2) query.set("dimensions", settings.dimensions);
  for (const name of Object.keys(NUMBERS)) {
    if (settings[name] !== usual[name]) query.set(name, settings[name]);
  }
  if (points) query.set("points", "true");
  const text = query.toString();
  return text ? `?${text}` : "";
}

/** Puts settings and whether points are shown into the page's address, without a new entry in the browser's history. */
export function noteAddress(settings, points) {
  const query = writeAddress(location.search, settings, points);
  if (query !== location.search) history.replaceState(history.state, "", location.pathname + query + location.hash);
}
