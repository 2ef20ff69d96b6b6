// Pictures beside the maps: the chosen one with its true neighbours, and those that were marked.

const SHOWN = 60; // marked pictures in the gallery

function pictureOf(state, i, scale) {
  const picture = document.createElement("span");
  picture.className = "picture";
  if (state.atlas) state.atlas.paint(picture, state.numbers[i], scale);
  else {
    Object.assign(picture.style, { width: `${14 * scale}px`, height: `${14 * scale}px`, background: state.cssOf(i) });
  }
  return picture;
}

/** A picture as a button that chooses it; pointing at it shows where it is on every map. */
function tileOf(state, i, scale, act, caption = null) {
  const tile = document.createElement("button");
  Object.assign(tile, { type: "button", className: "tile", title: state.captionOf(i) });
  tile.setAttribute("aria-label", state.captionOf(i));
  tile.dataset.picture = state.numbers[i];
  tile.style.setProperty("--group", state.cssOf(i));
  tile.append(pictureOf(state, i, scale));
  if (caption) tile.append(Object.assign(document.createElement("span"), { className: "caption", textContent: caption }));
  tile.onpointerenter = tile.onfocus = () => act.hover(i, null);
  tile.onpointerleave = tile.onblur = () => act.hover(-1, null);
  tile.onclick = () => act.choose(i);
  return tile;
}

const text = (words, name = "") => Object.assign(document.createElement("p"), { textContent: words, className: name });

function boxOf(name, ...parts) {
  const box = document.createElement("div");
  box.className = name;
  box.append(...parts);
  return box;
}

/** Fills an element anew. What had the focus in it keeps it, or its button has it, or the map. */
function refill(element, parts, act) {
  const focused = element.getRootNode().activeElement, inside = focused !== null && element.contains(focused);
  element.replaceChildren(...parts);
  if (!inside) return;
  const same = element.querySelector(`[data-picture="${focused.dataset.picture}"]`) ?? element.querySelector(".plain");
  (same ?? act.canvas()).focus({ preventScroll: true });
}

/** The chosen picture, its class, how many true neighbours each map keeps, and these neighbours. */
export function fillChosen(element, state, panels, act) {
  const { chosen } = state, what = state.atlas ? "picture" : "dot";
  if (chosen < 0) {
    const near = state.atlas ? " Zoom in, and dots become pictures." : "", known = panels.some((panel) => panel.neighbours);
    return refill(element, [text(`Point at a ${what} to see what it is${known ? "; click it for lines to its nearest neighbours" : ""}.${near}`, "hint soft")], act);
  }
  const close = Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: "Close", onclick: () => act.choose(-1) });
  const facts = [text(state.captionOf(chosen), "who")], lists = [];
  for (const panel of panels) {
    const near = panel.neighboursOf(chosen);
    if (!near.length) continue;
    if (!panel.data.nearest) facts.push(text(`${panel.data.title}: keeps ${near.filter((one) => one.kept).length} of its ${near.length} nearest.`));
    if (lists.some((list) => list.of === panel.neighbours)) continue;
    const list = boxOf("near", ...near.map(({ point }) => tileOf(state, point, 1, act)));
    list.setAttribute("role", "group");
    const what = panel.data.nearest || "Nearest in representation space";
    list.setAttribute("aria-label", `${what}, ${panel.data.title}, nearest first`);
    lists.push({ of: panel.neighbours, list, what, title: panel.data.title });
  }
  if (panels.some(({ data, neighbours }) => neighbours && !data.nearest)) facts.push(text("Lines: solid to those that the map keeps near, dashed to the others.", "soft"));
  const shown = lists.flatMap(({ list, what, title }) => [text(`${what}${lists.length > 1 ? `, ${title}` : ""}`, "what"), list]);
  refill(element, [pictureOf(state, chosen, 3), boxOf("facts", ...facts, close), ...(shown.length ? [boxOf("lists", ...shown)] : [])], act);
}

/** The marked pictures, of the group that is shown alone if there is one. */
export function fillGallery(element, state, act) {
  const all = state.markedPoints(), listed = all.filter((i) => state.clear(i, null));
  if (!all.length) {
    refill(element, [], act);
    element.hidden = true;
    return;
  }
  element.hidden = false;
  const counts = new Map();
  for (const i of listed) counts.set(state.nameOf(i), (counts.get(state.nameOf(i)) ?? 0) + 1);
  const most = [...counts].sort((one, other) => other[1] - one[1]).slice(0, 4).map(([name, n]) => `${name} ${n}`).join(", ");
  const head = document.createElement("p"), clear = document.createElement("button"), tiles = document.createElement("div");
  head.className = "head";
  const number = listed.length.toLocaleString("en");
  head.append(Object.assign(document.createElement("b"), { textContent: listed.length === 1 ? "1 picture marked" : `${number} pictures marked` }), most ? `: ${most}. ` : ". ");
  if (listed.length > SHOWN) head.append(`The first ${SHOWN}: `);
  Object.assign(clear, { type: "button", className: "plain", textContent: "Clear", onclick: () => act.unmark() });
  head.append(clear);
  tiles.className = "tiles";
  tiles.append(...listed.slice(0, SHOWN).map((i) => tileOf(state, i, 2, act, state.nameOf(i))));
  refill(element, [head, tiles], act);
}
