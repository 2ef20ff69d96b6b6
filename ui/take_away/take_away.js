// The list of a page's figures with what can be taken of each. Streamlit calls the default export.

import { figureOf, pngOf, save, textOf } from "./image_files.js";
import { drawings, figureOnPage, isMap } from "./figures_on_page.js";

const HIDDEN = ["present", "lesson", "step"]; // of the address: how this visitor looks at the page, and not what is on it
let forget = () => {}; // stops listening for new drawings
let saved = ""; // the last table that was saved, which Streamlit sends again when the theme changes

function addressOfView() {
  const address = new URL(location.href);
  for (const name of HIDDEN) address.searchParams.delete(name);
  address.hash = "";
  return address.href;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".take-away");
  const name = (key, ending) => `vicreg-${location.pathname.split("/").pop() || "start"}-${key}.${ending}`.replaceAll(/[^\w.-]/g, "-");
  const spoken = Object.assign(document.createElement("p"), { className: "spoken" });
  spoken.setAttribute("role", "status");

  const table = JSON.stringify(data.table);
  if (data.table && table !== saved) save(data.table.text, "text/csv", name(data.table.key, "csv"));
  saved = table;

  function button(words, what, act) {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: words });
    made.setAttribute("aria-label", `${words}: ${what}`);
    made.onclick = act;
    return made;
  }

  function pictures({ key, alt, found }) {
    const taken = (ending, type, content) => async () => {
      const drawn = found();
      if (!drawn) {
        spoken.textContent = "This figure is not on the page yet. Try again when it is.";
        return;
      }
      const figure = figureOf(drawn, [alt, ...data.lines, addressOfView()]);
      save(await content(figure), type, name(key, ending));
      spoken.textContent = `${name(key, ending)} was saved.`;
    };
    return { png: taken("png", "image/png", pngOf), svg: taken("svg", "image/svg+xml", textOf) };
  }

  const listed = data.figures.map((one) => ({ ...one, found: () => figureOnPage(one), map: isMap(one), csv: true }));
  function rowOf(one) {
    const row = document.createElement("div"), { png, svg } = pictures(one);
    row.className = "row";
    row.append(Object.assign(document.createElement("span"), { className: "name", textContent: one.name }), button("PNG", one.name, png));
    if (!one.map) row.append(button("SVG", one.name, svg));
    if (one.csv) row.append(button("CSV", one.name, () => setTriggerValue("table", one.key)));
    return row;
  }

  let names = null; // of the drawings in the list
  function list() {
    const found = drawings(), now = JSON.stringify(found.map(({ key, name }) => [key, name]));
    if (now === names) return;
    names = now;
    root.replaceChildren(...[...listed, ...found].map(rowOf), spoken);
  }

  list();
  forget();
  document.addEventListener("vicreg-drawn", list); // of ui/components/svg_drawing.js
  const stop = () => document.removeEventListener("vicreg-drawn", list);
  forget = stop;
  return stop;
}
