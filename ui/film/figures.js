// The figures of a film, one below the other: what was measured at the snapshots, at the moment that the player tells.

import { listen, tell } from "./messages.js";
import { createCurve, createSpectrum, lastOf } from "./curve.js";

const instances = new WeakMap(); // Streamlit calls again with other data, and when the theme changes

export default function ({ data, parentElement }) {
  let figures = instances.get(parentElement);
  if (!figures) {
    figures = createFigures(parentElement.querySelector(".film-figures"));
    instances.set(parentElement, figures);
  }
  figures.take(data);
  return () => {
    instances.delete(parentElement);
    figures.end();
  };
}

function createFigures(root) {
  let data = null, at = 0, width = 0, shown = [];

  /** A figure: its title, what each run has at the moment, and the drawing. values(at): a text for each run. */
  function figureOf(spec, runs, values, drawing) {
    const figure = document.createElement("figure"), head = document.createElement("figcaption"), now = document.createElement("span");
    head.append(Object.assign(document.createElement("b"), { textContent: spec.title }), now);
    now.className = "values";
    const numbers = runs.map(({ run, colour }) => {
      const spot = document.createElement("span"), text = document.createElement("span");
      spot.className = "spot";
      spot.style.background = colour;
      text.title = run;
      now.append(spot, text);
      return text;
    });
    figure.append(head, drawing.svg, Object.assign(document.createElement("p"), { textContent: spec.about }));
    figure.setAttribute("role", "group");
    const ends = (moment) => values(moment).map((value, i) => `${runs[i].run} ${value}`).join(", ");
    figure.setAttribute("aria-label", `${spec.title}: ${spec.about}. At first: ${ends(0)}. At last: ${ends(Infinity)}.`);
    root.append(figure);
    return (moment) => {
      drawing.show(moment);
      values(moment).forEach((value, i) => (numbers[i].textContent = value));
    };
  }

  function build() {
    root.replaceChildren();
    const end = data.clock.at(-1), { spectrum } = data;
    shown = data.lines.map((spec) => figureOf(
      spec, spec.lines, (moment) => spec.lines.map(({ x, y }) => y[lastOf(x, moment)].toFixed(spec.digits) + spec.unit), createCurve(spec, end, width),
    ));
    shown.push(figureOf(
      spectrum, spectrum.runs, (moment) => spectrum.runs.map(({ rank: { x, y } }) => y[lastOf(x, moment)].toFixed(0)), createSpectrum(spectrum, width),
    ));
    show();
  }

  const show = () => shown.forEach((one) => one(at));

  const observer = new ResizeObserver(() => {
    const wide = Math.floor(root.clientWidth);
    if (!data || !wide || wide === width) return;
    width = wide;
    build();
  });
  observer.observe(root);
  const unlisten = listen(() => data?.link, (detail) => {
    if (detail.at === undefined) return;
    at = detail.at;
    show();
  });

  return {
    take(found) {
      const other = JSON.stringify(found) !== JSON.stringify(data);
      data = found;
      width ||= Math.floor(root.clientWidth);
      if (other && width) build();
      tell(data.link, { ask: true });
    },
    end() {
      observer.disconnect();
      unlisten();
    },
  };
}
