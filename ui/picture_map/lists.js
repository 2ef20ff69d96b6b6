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

/** The chosen picture, its class, how many true neighbours each map keeps, and these neighbours. */
export function fillChosen(element, state, panels, act) {
  const { chosen } = state;
  if (chosen < 0) {
    const words = document.createElement("p");
    words.className = "hint";
    words.textContent = state.atlas
      ? "Point at a picture to see it; click it to see its nearest neighbours. Zoom in, and dots become pictures."
      : "Point at a dot to see its class; click it to see its nearest neighbours.";
    return element.replaceChildren(words);
  }
  const name = document.createElement("p"), close = document.createElement("button");
  name.className = "who";
  name.textContent = state.captionOf(chosen);
  Object.assign(close, { type: "button", className: "plain", textContent: "Close", onclick: () => act.choose(-1) });
  const parts = [pictureOf(state, chosen, 4), name], lists = [];
  for (const panel of panels) {
    const near = panel.neighboursOf(chosen);
    if (!near.length) continue;
    const line = document.createElement("p");
    line.textContent = `${panel.data.title}: keeps ${near.filter((one) => one.kept).length} of its ${near.length} nearest.`;
    parts.push(line);
    if (lists.some((list) => list.data === panel.neighbours)) continue;
    const list = document.createElement("div");
    list.className = "near";
    list.setAttribute("role", "group");
    list.setAttribute("aria-label", "Its nearest in representation space, nearest first");
    list.append(...near.map(({ point }) => tileOf(state, point, 1, act)));
    lists.push({ data: panel.neighbours, list, title: panel.data.title });
  }
  if (lists.length) {
    parts.push(Object.assign(document.createElement("p"), { className: "what", textContent: "Nearest in representation space" }));
  }
  for (const { list, title } of lists) {
    if (lists.length > 1) parts.push(Object.assign(document.createElement("p"), { textContent: title }));
    parts.push(list);
  }
  if (lists.length) parts.push(Object.assign(document.createElement("p"), { className: "soft", textContent: "Lines: solid to those that the map keeps near, dashed to the others." }));
  element.replaceChildren(...parts, close);
}

/** The marked pictures, of the group that is shown alone if there is one. */
export function fillGallery(element, state, act) {
  const all = state.markedPoints(), listed = all.filter((i) => state.clear(i, null));
  element.hidden = !all.length;
  if (!all.length) return element.replaceChildren();
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
  element.replaceChildren(head, tiles);
}
