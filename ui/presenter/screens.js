// The screens of a page: each a list of exhibits, found among what Streamlit has drawn, and how one is put on the screen.

const ENDING = /(_second|_\d)$/; // of the key of an exhibit that is compared with another one
const LONGEST = 260; // letters that may stand above an exhibit as its title
const LEAST = 18 / 13, MOST = 3; // times that an exhibit is enlarged: the smallest text of a chart becomes 18 pixels
const TITLED = 60, SPARE = 20, AROUND_MAP = 250; // pixels for a line above an exhibit, to be safe, and for a map's own controls
const TILES = [3, 2.5, 2, 1.5]; // times that pictures are enlarged, the largest that fits
const OWN = [".picture-map", ".lab", ".drawing", ".tiles", ".player", ".film-figures"];
const SELF = new Set([".picture-map", ".lab"]); // size themselves by the screen and by --present-scale
const FILMED = new Set([".picture-map", ".film-figures"]); // share a screen with the player above them

export const mainBlock = () => document.querySelector(".stMain .stVerticalBlock");
const shadowOf = (leaf) => leaf.querySelector("[data-testid^=stBidiComponent]")?.shadowRoot ?? null;
const leavesOf = (block) => [...block.querySelectorAll(".stElementContainer")].filter((leaf) => !leaf.closest("details, [data-testid=stExpander]"));

/** What an element shows: "chart", the class of a component of ours, or null for text and controls. */
function kindOf(leaf) {
  if (leaf.querySelector(".stVegaLiteChart")) return "chart";
  const shadow = shadowOf(leaf);
  return shadow ? OWN.find((name) => shadow.querySelector(name)) ?? null : null;
}

function keyOf(leaf, keys) {
  const named = [...leaf.classList].find((name) => name.startsWith("st-key-")), alt = leaf.querySelector(".stVegaLiteChart")?.getAttribute("aria-label");
  return named?.slice(7) ?? keys[alt] ?? alt ?? "";
}

/** The part of the page that a row of pictures belongs to: its column where charts stand beside it, else all of it. */
function partOf(leaf, main) {
  let part = leaf;
  while (part.parentElement && part.parentElement !== main) part = part.parentElement;
  const mixed = leavesOf(part).some((other) => kindOf(other) === "chart");
  return mixed ? leaf.closest(".stColumn") ?? leaf : part;
}

const isWords = (element) => element.matches(".stElementContainer") && element.querySelector("[data-testid=stMarkdown], [data-testid=stHeading]") !== null && !element.querySelector("table, h1");
const isHeading = (element) => element.querySelector("[data-testid=stHeading]") !== null && leavesOf(element).every(isWords);

/** What stands right above an exhibit and names it. */
function wordsAbove(leaf) {
  const words = [];
  for (let one = leaf.previousElementSibling; one && words.length < 3; one = one.previousElementSibling) {
    if (isWords(one) ? one.textContent.length > LONGEST || one.parentElement === mainBlock() && isHeading(one) : !isHeading(one)) break;
    words.push(...(one.matches(".stElementContainer") ? [one] : leavesOf(one)));
  }
  return words;
}

/** The screens of a page, in its order: { leaves, kinds, words, section }. keys: of charts, by what they show. */
export function findScreens(keys) {
  const main = mainBlock(), groups = new Map();
  if (!main) return [];
  let section = "", last = null, film = null;
  for (const child of main.children) {
    if (child.parentElement === main && isWords(child) && isHeading(child)) section = textOf(child);
    for (const leaf of child.matches(".stElementContainer") ? [child] : leavesOf(child)) {
      if (leaf.closest("details, [data-testid=stExpander]")) continue;
      const kind = kindOf(leaf);
      if (!kind) continue;
      const key = keyOf(leaf, keys);
      film = kind === ".player" ? leaf : FILMED.has(kind) ? film : null;
      let group = film ?? key.replace(ENDING, "");
      if (kind === ".tiles") {
        const part = partOf(leaf, main);
        group = part === leaf && last?.alone && last.section === section ? last.group : part; // rows of one section
        last = { alone: part === leaf, group, section };
      } else last = null;
      const screen = groups.get(group) ?? { leaves: [], kinds: [], words: [], section };
      screen.leaves.push(leaf);
      screen.kinds.push(kind);
      screen.words.push(...wordsAbove(leaf));
      groups.set(group, screen);
    }
  }
  return [...groups.values()];
}

/** The text of a heading, each formula once. */
export function textOf(element) {
  const copy = element.cloneNode(true);
  for (const twice of copy.querySelectorAll(".katex-mathml, [data-testid=stHeaderActionElements], svg")) twice.remove();
  return copy.textContent.trim();
}

function mark(element, value) {
  if (element.dataset.present !== value) element.dataset.present = value;
}

/** Puts a screen up: marks what is on it, and nothing else. */
export function show(screen) {
  const main = mainBlock();
  for (const leaf of main.querySelectorAll(".stElementContainer[data-present]")) {
    if (!screen.leaves.includes(leaf) && !screen.words.includes(leaf)) delete leaf.dataset.present;
  }
  for (const leaf of screen.words) mark(leaf, "words");
  for (const leaf of screen.leaves) mark(leaf, "exhibit");
  enlarge(screen);
}

/** A page with steps of its own, or without exhibits: all of it, except the title, which stands in the bar. */
export function showWhole() {
  for (const leaf of leavesOf(mainBlock())) {
    const kind = kindOf(leaf);
    if (leaf.querySelector("h1")) delete leaf.dataset.present;
    else mark(leaf, kind ? "exhibit" : "whole");
    if (kind) fit(leaf, kind, leaf.parentElement.clientWidth, Infinity);
  }
  for (const fold of mainBlock().querySelectorAll("[data-testid=stExpander] .stElementContainer")) mark(fold, "whole");
}

/** Each exhibit as large as fits beside and below the others. */
function enlarge({ leaves, kinds, words }) {
  const style = getComputedStyle(document.querySelector(".stMainBlockContainer"));
  const room = innerHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom) - SPARE;
  const perColumn = new Map(), column = (leaf) => leaf.closest(".stColumn") ?? mainBlock();
  leaves.forEach((leaf, i) => kinds[i] !== ".player" && perColumn.set(column(leaf), (perColumn.get(column(leaf)) ?? 0) + 1));
  const player = kinds.includes(".player") ? 1.5 : 0, besides = words.some((one) => column(one) !== mainBlock()) ? 3 : 0;
  leaves.forEach((leaf, i) => {
    const own = words.filter((one) => column(one) === column(leaf)).length;
    const titles = player + (column(leaf) === mainBlock() ? own + besides : own);
    fit(leaf, kinds[i], leaf.parentElement.clientWidth, (room - titles * TITLED) / (perColumn.get(column(leaf)) ?? 1));
  });
  const rows = leaves.filter((_, i) => kinds[i] === ".tiles"), view = document.querySelector(".stMain");
  for (const zoom of rows.length ? TILES : []) { // they wrap, so how high they are shows only when it is tried
    for (const leaf of rows) set(leaf, "--zoom", zoom);
    if (view.scrollHeight <= view.clientHeight) break;
  }
}

function set(leaf, name, value) {
  if (leaf.style.getPropertyValue(name) !== String(value)) leaf.style.setProperty(name, value);
}

function fit(leaf, kind, wide, high) {
  const shadow = shadowOf(leaf), svg = kind === "chart" ? leaf.querySelector("svg.marks") : shadow.querySelector(".drawing svg");
  if (SELF.has(kind)) {
    shadow.querySelector(".lab")?.classList.add("hall");
    if (Number.isFinite(high)) set(leaf, "--map-share", (Math.max(220, high - AROUND_MAP) / innerHeight).toFixed(3));
  } else if (kind === ".drawing" && svg?.viewBox.baseVal?.width) { // as wide as the screen, unless that is too high
    const { width, height } = svg.viewBox.baseVal;
    set(leaf, "--most", Number.isFinite(high) ? `${Math.max(480, Math.floor((high * width) / height))}px` : "none");
  } else if (kind === "chart" && svg) {
    const most = Math.min(wide / Number(svg.getAttribute("width")), high / Number(svg.getAttribute("height")));
    set(leaf, "--zoom", Math.max(LEAST, Math.min(MOST, Math.floor(most * 20) / 20)));
  } else set(leaf, "--zoom", LEAST);
}

/** Leaves the page as it was: what earlier screens showed has its own size again, too. */
export function clear() {
  for (const leaf of document.querySelectorAll(".stMain .stElementContainer")) {
    delete leaf.dataset.present;
    for (const name of ["--zoom", "--most", "--map-share"]) leaf.style.removeProperty(name);
    shadowOf(leaf)?.querySelector(".lab")?.classList.remove("hall");
  }
}
