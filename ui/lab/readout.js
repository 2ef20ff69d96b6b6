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

  /** The weighted terms: the free points' as they lie, a network's mean over its last ten steps; null before the first. */
  function weighted({ points, seen, settings, course }) {
    if (!points && !course.invariance.length) return null;
    const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
    const value = ({ term, weight }) => (points ? settings[weight] * seen.terms[term] : mean(course[term].slice(-10)));
    return Object.fromEntries(TERMS.map((one) => [one.term, value(one)]));
  }

  function sentence({ seen, points, settings, share }) {
    if (points && seen.steps < 60) return { kind: "new", text: "Twenty pairs without a network: drag a point." };
    if (points && seen.loss < 0.3 && settings.lambda && settings.mu && settings.nu) {
      return { kind: "rest", text: "At rest: pairs together, spread out, not correlated. Drag a point." };
    }
    return describe(seen, points ? null : share, settings, points ? 40 : 400);
  }

  function show() {
    const { seen, share, playing } = state, now = performance.now(), values = weighted(state);
    seen.loss = values ? values.invariance + values.variance + values.covariance : 0;
    terms.value(values);
    find("loss").textContent = values ? seen.loss.toFixed(seen.loss < 10 ? 2 : 1) : "";
    const rate = seen.rate && playing ? ` · ${Math.round(seen.rate)} a second` : "";
    find("count").textContent = `step ${seen.steps.toLocaleString("en")}${rate}`;
    const told = sentence(state);
    find("sentence").textContent = state.lead ? state.lead + told.text.charAt(0).toLowerCase() + told.text.slice(1) : told.text;
    if (told.kind !== said.kind && now - said.at > AGAIN) { // read out only what is new
      say(told.text);
      said = { kind: told.kind, at: now };
    }
    if (!playing || now - charted >= CHARTS) draw();
    if (!playing || now - labelled > TEXTS) describeCharts(values);
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

  function describeCharts(values) {
    labelled = performance.now();
    const { seen, share } = state, list = (numbers) => [...numbers].map((v) => v.toFixed(2)).join(", ");
    const texts = {
      course: values ? `The loss is ${seen.loss.toFixed(2)}: ${TERMS.map(({ term }) => `${term} ${values[term].toFixed(2)}`).join(", ")}, weighted.` : "No steps yet.",
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
