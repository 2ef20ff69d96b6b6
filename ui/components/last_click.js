// When a person last clicked or pressed a key. Every component has its own copy of this script; the first one to arrive listens.

for (const kind of ["click", "keydown"]) addEventListener(kind, () => { window.vicregClicked = performance.now(); }, true);

/** Milliseconds since the last click or key. */
export function sinceClick() {
  return performance.now() - (window.vicregClicked ?? -Infinity);
}
