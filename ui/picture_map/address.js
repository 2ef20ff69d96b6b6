// What a visitor did on maps, in the page's address: the chosen picture, the marked ones, the colouring, the group alone.
// Of these maps only: the parameter is `on_` and their key. What does not fit the maps is ignored.

const LONGEST = 4000; // letters

/** The bits of marked points as text: base64 for addresses. */
function asText(marked) {
  const bytes = new Uint8Array(Math.ceil(marked.length / 8));
  for (let i = 0; i < marked.length; i++) if (marked[i]) bytes[i >> 3] |= 1 << (i & 7);
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function asMarks(text, count) {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  if (bytes.length !== Math.ceil(count / 8)) return null;
  const marked = Uint8Array.from({ length: count }, (_, i) => (bytes[i >> 3] >> (i & 7)) & 1);
  return marked.includes(1) ? marked : null;
}

/** What a map's state is called in the address: "" where nothing was done. first: the colouring it began with. */
export function written({ chosen, marked, colouring, kept, numbers }, first) {
  const parts = [];
  if (chosen >= 0) parts.push(`c${numbers[chosen]}`);
  if (colouring !== first) parts.push(`k${colouring}`);
  if (kept) parts.push(`g${kept.colouring}.${kept.group}`);
  if (marked) parts.push(`m${asText(marked)}`);
  const text = parts.join("~");
  return text.length > LONGEST ? "" : text;
}

/** The parts of a map's state that a text stands for, each checked against the map. */
export function read(text, { numbers, colourings, count }) {
  const found = {}, number = (digits) => (/^\d{1,6}$/.test(digits) ? Number(digits) : -1);
  for (const part of text.slice(0, LONGEST).split("~")) {
    const rest = part.slice(1);
    if (part[0] === "c" && numbers.includes(number(rest))) found.chosen = numbers.indexOf(number(rest));
    else if (part[0] === "k" && number(rest) >= 0 && number(rest) < colourings.length) found.colouring = number(rest);
    else if (part[0] === "g") {
      const [colouring, group] = rest.split(".").map(number);
      if (colouring >= 0 && group >= 0 && group < (colourings[colouring]?.names.length ?? 0)) found.kept = found.lit = { colouring, group };
    } else if (part[0] === "m" && /^[\w-]+$/.test(rest)) {
      try {
        const marked = asMarks(rest, count);
        if (marked) found.marked = marked;
      } catch { /* no base64 */ }
    }
  }
  return found;
}

export const recalled = (key, state) => read(new URLSearchParams(location.search).get(`on_${key}`) ?? "", state);

/** Puts a map's state into the address, without a new entry in the browser's history. */
export function noted(key, state, first) {
  const address = new URL(location.href), name = `on_${key}`, text = written(state, first);
  if (text === (address.searchParams.get(name) ?? "")) return;
  if (text) address.searchParams.set(name, text);
  else address.searchParams.delete(name);
  history.replaceState(history.state, "", address);
}
