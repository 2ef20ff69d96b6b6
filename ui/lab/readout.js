// Everything that is read: the sentence, the charts and their texts, the numbers beside the switches.

import { TERMS } from "./controls.js";
import { drawCourse, drawCovariances, drawShares, drawStds } from "./panels.js";
import { describe } from "./sentence.js";

const CHARTS = 100; // milliseconds between two drawings of the charts
const TEXTS = 3000; // and of the texts that stand for them
const AGAIN = 2500; // milliseconds before something new is read out

/** Shows the state in the elements of `lab`; terms: the switches (buildTerms). */
export function createReadout(lab, state, terms) {
  const find = (name) => lab.querySelector(`.${name}`);
  const chart = (name) => find(name).querySelector("canvas");
  let said = { kind: "", at: -Infinity }, charted = 0, labelled = 0;

  /** The mean of each weighted term over the last ten steps. */
  function recent() {
    const steps = state.course.invariance.length, from = Math.max(0, steps - 10);
    const mean = (values) => values.slice(from).reduce((a, b) => a + b, 0) / Math.max(1, steps - from);
    return Object.fromEntries(TERMS.map(({ term }) => [term, mean(state.course[term])]));
  }

  function sentence({ seen, points, settings, share }) {
    if (points && seen.steps < 60) return { kind: "new", text: "Twenty pairs without a network: drag a point." };
    if (points && seen.loss < 0.3 && settings.lambda && settings.mu && settings.nu) {
      return { kind: "rest", text: "At rest: pairs together, spread out, not correlated. Drag a point." };
    }
    return describe(seen, points ? null : share, settings, points ? 40 : 400);
  }

  function show() {
    const { seen, share, course, points, playing } = state, now = performance.now();
    const steps = course.invariance.length, values = recent();
    seen.loss = values.invariance + values.variance + values.covariance;
    terms.value(steps ? values : null);
    find("loss").textContent = steps ? seen.loss.toFixed(seen.loss < 10 ? 2 : 1) : "";
    const rate = seen.rate && playing ? ` · ${Math.round(seen.rate)} a second` : "";
    find("count").textContent = `step ${seen.steps.toLocaleString("en")}${rate}`;
    const told = sentence(state);
    find("sentence").textContent = state.lead ? state.lead + told.text.charAt(0).toLowerCase() + told.text.slice(1) : told.text;
    if (told.kind !== said.kind && now - said.at > AGAIN) { // read out only what is new
      say(told.text);
      said = { kind: told.kind, at: now };
    }
    if (!playing || now - charted >= CHARTS) draw();
    if (!playing || now - labelled > TEXTS) describeCharts(values, steps);
    Object.assign(lab.dataset, { // for whoever drives the page from a script
      steps: seen.steps, std: [...seen.std].map((s) => s.toFixed(5)).join(" "),
      share: share?.map((s) => s.toFixed(4)).join(" ") ?? "", playing, kind: told.kind,
      thin: (seen.eigen[1] / Math.max(seen.eigen[0], 1e-12)).toFixed(5), rate: (seen.rate ?? 0).toFixed(1),
    });
  }

  function draw() {
    const { seen, share, course, events, points, style } = state;
    charted = performance.now();
    if (state.mini || !seen) return;
    drawCourse(chart("course"), course, events, style);
    drawStds(chart("stds"), seen.std, style);
    drawCovariances(chart("covariances"), seen.covariance, seen.std.length, style);
    if (share && !points) drawShares(chart("shares"), share, style);
  }

  function describeCharts(values, steps) {
    labelled = performance.now();
    const { seen, share } = state, list = (numbers) => [...numbers].map((v) => v.toFixed(2)).join(", ");
    const texts = {
      course: steps ? `The loss is ${seen.loss.toFixed(2)}: ${TERMS.map(({ term }) => `${term} ${values[term].toFixed(2)}`).join(", ")}, weighted.` : "No steps yet.",
      stds: `Standard deviations: ${list(seen.std)}; the line is at 1.`,
      covariances: `Covariance matrix, row by row: ${list(seen.covariance)}.`,
      shares: share ? `Of the 10 nearest, ${["digit", "ink", "paper"].map((name, i) => `${(10 * share[i]).toFixed(1)} share the ${name}`).join(", ")}. Guessing: 1.0, 1.7, 1.7.` : "",
    };
    for (const [name, text] of Object.entries(texts)) chart(name).setAttribute("aria-label", text);
  }

  /** Marks the course where a weight changed; a slider's many values leave one mark. */
  function mark(text) {
    const { events } = state, step = state.course.invariance.length, last = events.at(-1);
    if (!step) return;
    if (last?.text[0] === text[0] && step - last.step < 8) events.pop();
    events.push({ step, text });
  }

  /** Reads a text out. */
  function say(text) {
    find("live").textContent = text;
  }

  function restart() {
    said = { kind: "", at: -Infinity };
  }

  return { show, draw, mark, say, restart };
}
