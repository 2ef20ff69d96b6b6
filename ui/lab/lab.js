// The lab: puts worker, exhibit, panels and controls together. Streamlit calls the default export.

import { defaults, readAddress, writeAddress } from "./address.js";
import { CHALLENGES } from "./challenges.js";
import { TERMS, buildCard, buildChallenges, buildMore, buildTerms } from "./controls.js";
import { drawCourse, drawCovariances, drawShares, drawStds } from "./panels.js";
import { readDrawings } from "./pictures.js";
import { createPoints } from "./points.js";
import { createScene, nextInDirection } from "./scene.js";
import { describe } from "./sentence.js";
import { termPulls } from "./trainer.js";

const REST = 6000; // steps without a touch after which it pauses by itself
const EASE = 70; // milliseconds in which a picture goes two thirds of its way
const DRAWING = 25; // milliseconds a frame: 40 a second, which leaves a single core time for the training
const CHARTS = 100; // milliseconds between two drawings of the charts
const OFF = 230; // steps of the small version until variance goes off,
const ON = 380; // on again,
const END = 580; // and it ends

const instances = new WeakMap(); // Streamlit calls again when the theme changes

export default function ({ data, parentElement }) {
  let lab = instances.get(parentElement);
  if (lab) {
    lab.restyle();
  } else {
    lab = createLab(parentElement.querySelector(".lab"), data);
    instances.set(parentElement, lab);
  }
  return () => {
    instances.delete(parentElement);
    lab.end();
  };
}

function createLab(lab, { drawings, labels, colours, hues, links, mini }) {
  const find = (name) => lab.querySelector(`.${name}`);
  const canvas = find("scene"), scene = createScene(canvas), card = buildCard(find("card"));
  const chart = (name) => find(name).querySelector("canvas");
  const digits = Array.from(labels, Number), strokes = readDrawings(drawings);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const address = mini ? { settings: defaults(2), points: false } : readAddress(location.search);
  let { settings, points } = address;
  let playing = false, run = 0, ended = false, speed = 60, untouched = 0;
  let seen = null, share = null, course = null, events = [], free = null, pictures = null, pulls = null, views = null;
  let target = null, xy = null, choice = -1, showing = false, framing = "", style = {}, dirty = true;
  let challenge = null, said = { kind: "", at: -Infinity }, held = -1, heldUntil = 0, charted = 0, labelled = 0, frames = [], nearest = [];

  for (const [term, colour] of Object.entries(colours.terms)) lab.style.setProperty(`--${term}`, colour);
  lab.classList.toggle("mini", Boolean(mini));

  const source = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: "text/javascript" }));
  const worker = new Worker(source);
  URL.revokeObjectURL(source);
  const tell = (type, more = {}) => worker.postMessage({ type, ...more });
  worker.onmessage = ({ data: message }) => {
    if (message.run !== run) return tell("shown");
    if (message.type === "pictures") {
      pictures = { ...message, version: run };
      lab.dataset.pictures = message.all;
    } else if (!points) {
      take(message);
    } else {
      tell("shown");
    }
  };
  tell("begin", { drawings, labels });
  pace();

  function pace() {
    const slow = calm.matches; // plays in steps: one look a second, and nothing glides
    tell("pace", { stepsPerSecond: slow ? Math.min(speed, 60) : speed, frames: slow ? 1200 : 50 });
  }

  // ------------------------------------------------------------------------------------------------ what comes in

  /** A look from the worker, or from the free points. */
  function take(message) {
    seen = message;
    share = message.share ?? share;
    for (let i = 0; i < message.history.length; i += 3) {
      TERMS.forEach(({ term }, t) => course[term].push(message.history[i + t]));
      untouched += 1;
    }
    const steps = course.invariance.length, from = Math.max(0, steps - 10);
    const recent = Object.fromEntries(
      TERMS.map(({ term }) => [term, course[term].slice(from).reduce((a, b) => a + b, 0) / Math.max(1, steps - from)]),
    );
    seen.loss = recent.invariance + recent.variance + recent.covariance;
    target = placesOf(seen);
    if (!xy || xy.length !== target.length || calm.matches) xy = Float32Array.from(target);
    if (seen.pulls) takePulls(seen.pulls);
    if (choice >= 0) nearest = closest(choice);
    show(recent, steps);
    if (challenge) follow();
    if (mini) script();
    if (playing && untouched > REST) pause();
    dirty = true;
  }

  const dimensions = () => (points ? 2 : settings.dimensions);
  const project = (z, at) => {
    const D = dimensions();
    if (points) return [z[at], z[at + 1]];
    let x = 0, y = 0;
    for (let j = 0; j < D; j++) {
      x += seen.plane[j] * (z[at + j] - seen.mean[j]);
      y += seen.plane[D + j] * (z[at + j] - seen.mean[j]);
    }
    return [x, y];
  };
  const turn = (vectors, at) => { // a direction has no mean to take away
    const D = dimensions();
    if (points) return [vectors[at], vectors[at + 1]];
    let x = 0, y = 0;
    for (let j = 0; j < D; j++) {
      x += seen.plane[j] * vectors[at + j];
      y += seen.plane[D + j] * vectors[at + j];
    }
    return [x, y];
  };
  const each = (array, act) => Float32Array.from({ length: (2 * array.length) / dimensions() }, (_, i) => act(array, Math.floor(i / 2) * dimensions())[i % 2]);
  const placesOf = ({ z }) => each(z, project);

  function takePulls({ chosen, views: pixels, za, zb, ...terms }) {
    const D = settings.dimensions;
    pulls = showing ? { count: chosen.length, places: each(za, project), ...Object.fromEntries(TERMS.map(({ term }) => [term, each(terms[term], turn)])) } : null;
    const which = chosen.indexOf(choice);
    if (which < 0) return;
    const size = 192, n = chosen.length;
    const own = new Float32Array(2 * size);
    own.set(pixels.subarray(which * size, (which + 1) * size));
    own.set(pixels.subarray((n + which) * size, (n + which + 1) * size), size);
    if (views?.of === choice && views.run === run) own.set(views.pixels);
    const places = Float32Array.from([...project(za, which * D), ...project(zb, which * D)]);
    views = { of: choice, run, pixels: views?.of === choice && views.run === run ? views.pixels : own, xy: places };
  }

  function closest(i) {
    if (points) return [i % 2 ? i - 1 : i + 1];
    const D = settings.dimensions, { z } = seen;
    const far = Array.from({ length: z.length / D }, (_, k) => {
      let d = 0;
      for (let c = 0; c < D; c++) d += (z[i * D + c] - z[k * D + c]) ** 2;
      return [k === i ? Infinity : d, k];
    });
    return far.sort((a, b) => a[0] - b[0]).slice(0, 5).map(([, k]) => k);
  }

  /** Numbers, charts and the sentence. */
  function show(recent, steps) {
    terms.value(steps ? recent : null);
    find("loss").textContent = steps ? seen.loss.toFixed(seen.loss < 10 ? 2 : 1) : "";
    const rate = seen.rate && playing ? ` · ${Math.round(seen.rate)} a second` : "";
    find("count").textContent = points ? `step ${seen.steps.toLocaleString("en")}` : `step ${seen.steps.toLocaleString("en")}${rate}`;
    const told = describe(seen, points ? null : share, settings, points ? 40 : 400);
    if (points && seen.steps < 60) told.text = "Twenty pairs without a network: drag a point.";
    else if (points && seen.loss < 0.3 && settings.mu && settings.nu && settings.lambda) told.text = "At rest: pairs together, spread out, no slant. Drag a point.";
    find("sentence").textContent = told.text;
    const now = performance.now();
    if (told.kind !== said.kind && now - said.at > 2500) { // read out only what is new
      find("live").textContent = told.text;
      said = { kind: told.kind, at: now };
    }
    if (!mini && (!playing || now - labelled > 3000)) {
      labelled = now;
      labelCharts(recent, steps);
    }
    if (!playing || now - charted >= CHARTS) drawCharts(now);
    Object.assign(lab.dataset, { // for whoever drives the page from a script
      steps: seen.steps, std: [...seen.std].map((s) => s.toFixed(5)).join(" "), share: share?.map((s) => s.toFixed(4)).join(" ") ?? "",
      thin: (seen.eigen[1] / Math.max(seen.eigen[0], 1e-12)).toFixed(5), rate: (seen.rate ?? 0).toFixed(1), playing, kind: told.kind,
    });
  }

  function drawCharts(now) {
    charted = now;
    if (mini || !seen) return;
    drawCourse(chart("course"), course, events, style);
    drawStds(chart("stds"), seen.std, style);
    drawCovariances(chart("covariances"), seen.covariance, dimensions(), style);
    if (share && !points) drawShares(chart("shares"), share, style);
  }

  function labelCharts(recent, steps) {
    const say = (name, text) => chart(name).setAttribute("aria-label", text);
    say("course", steps ? `The loss is ${seen.loss.toFixed(2)}: ${TERMS.map(({ term }) => `${term} ${recent[term].toFixed(2)}`).join(", ")}, weighted.` : "No steps yet.");
    say("stds", `Standard deviations: ${[...seen.std].map((s) => s.toFixed(2)).join(", ")}; the line is at 1.`);
    say("covariances", `Covariance matrix, row by row: ${[...seen.covariance].map((c) => c.toFixed(2)).join(", ")}.`);
    if (share) say("shares", `Of the 10 nearest, ${["digit", "ink", "paper"].map((name, i) => `${(10 * share[i]).toFixed(1)} share the ${name}`).join(", ")}. Guessing: 1.0, 1.7, 1.7.`);
  }

  // ------------------------------------------------------------------------------------------------ what is done

  function fresh() {
    course = Object.fromEntries(TERMS.map(({ term }) => [term, []]));
    events = [];
    [seen, share, views, pulls, target] = [null, null, null, null, null];
    untouched = 0;
    said = { kind: "", at: -Infinity };
    hint("");
    run += 1;
    if (points) {
      free = createPoints(strokes, digits, settings.seed);
      pictures = { pixels: free.pixels, digit: free.digit, version: run };
      choice = -1;
      refree([]);
    } else {
      free = null;
      tell("restart", { settings, number: run });
      choose(choice < 400 ? choice : -1);
    }
    reflect();
  }

  function refree(history) {
    take({ ...free.look(settings), history });
    if (showing) {
      const { za, zb, statistics } = free.look(settings);
      const a = termPulls(za, zb, za.length / 2, statistics[0], settings), b = termPulls(zb, za, za.length / 2, statistics[1], settings);
      const weave = (u, v) => Float32Array.from({ length: 2 * u.length }, (_, i) => [u, v][Math.floor(i / 2) % 2][2 * Math.floor(i / 4) + (i % 2)]);
      pulls = { count: free.count, places: placesOf(seen), ...Object.fromEntries(TERMS.map(({ term }) => [term, weave(a[term], b[term])])) };
    } else {
      pulls = null;
    }
  }

  function play() {
    playing = true;
    untouched = 0;
    if (!points) tell("play");
    reflect();
  }

  function pause() {
    playing = false;
    tell("pause");
    reflect();
  }

  /** Shows settings and state in the controls and in the address. */
  function reflect() {
    terms.show(settings, defaults(settings.dimensions));
    more(settings);
    find("play").textContent = playing ? "Pause" : "Play";
    find("free").setAttribute("aria-pressed", String(points));
    find("pull").setAttribute("aria-pressed", String(showing));
    lab.classList.toggle("pointing", points);
    find("shares").style.visibility = points ? "hidden" : "";
    lab.dataset.playing = playing;
    canvas.setAttribute("role", "application");
    canvas.setAttribute(
      "aria-label",
      points
        ? "Forty points in twenty pairs. Arrow keys choose a point, shift and arrow keys move it, space plays and pauses."
        : "400 handwritten digits, each where its embedding lies. Arrow keys choose a picture, escape leaves it, space plays and pauses.",
    );
    clearTimeout(reflect.timer);
    if (mini) return;
    reflect.timer = setTimeout(() => {
      if (ended) return;
      const query = writeAddress(location.search, settings, points);
      if (query !== location.search) history.replaceState(history.state, "", location.pathname + query + location.hash);
    }, 300);
  }

  function setWeight(weight, value, done) {
    const before = settings[weight];
    settings[weight] = value;
    untouched = 0;
    if (!points) tell("change", { wanted: { [weight]: value } });
    const { symbol } = TERMS.find((one) => one.weight === weight);
    if (done || !value !== !before) mark(`${symbol} = ${value}`);
    if (!value && before && weight !== "mu" && !points && seen?.steps > 60 && !challenge) {
      hint("What it has learned stays for a while. To see a network that never had this term: ");
    } else if (value) {
      hint("");
    }
    if (points && !playing) refree([]);
    reflect();
  }

  function mark(text) {
    const step = course.invariance.length;
    if (!step) return;
    if (events.at(-1)?.text.slice(0, 1) === text.slice(0, 1) && step - events.at(-1).step < 8) events.pop();
    events.push({ step, text });
  }

  function hint(text) {
    const place = find("hint");
    place.hidden = !text;
    if (!text) return place.replaceChildren();
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "start again" });
    button.onclick = () => {
      fresh();
      play();
    };
    place.replaceChildren(text, button, ".");
  }

  function setMore(name, value) {
    endChallenge();
    if (name === "rate") {
      settings.rate = value;
      tell("change", { wanted: { rate: value } });
      return reflect();
    }
    if (name === "dimensions") settings = { ...defaults(value), seed: settings.seed };
    settings[name] = value;
    if (name === "dimensions") points = false;
    fresh();
    if (playing) play();
  }

  const terms = buildTerms(find("terms"), setWeight);
  const more = buildMore(lab, setMore);
  const buttons = buildChallenges(find("challenges"), CHALLENGES, begin);
  find("play").onclick = () => (playing ? pause() : play());
  find("step").onclick = () => {
    if (playing) pause();
    if (points) stepPoints();
    else tell("step");
  };
  find("again").onclick = () => {
    endChallenge();
    fresh();
    play();
  };
  find("speed").onchange = ({ target: { value } }) => {
    speed = Number(value);
    pace();
  };
  find("pull").onclick = () => {
    showing = !showing;
    if (points) refree([]);
    else choose(choice);
    reflect();
  };
  find("framing").onchange = ({ target: { value } }) => {
    framing = value;
    dirty = true;
  };
  find("free").onclick = () => {
    endChallenge();
    points = !points;
    if (points) tell("pause");
    choice = -1;
    caption();
    fresh();
    play();
  };
  find("large").onclick = () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else lab.requestFullscreen?.().catch(() => {});
  };
  const resized = () => {
    const large = lab.getRootNode().fullscreenElement === lab || document.fullscreenElement === lab;
    lab.classList.toggle("projector", large);
    find("large").setAttribute("aria-pressed", String(large));
    find("large").textContent = large ? "Leave full screen" : "Full screen";
    restyle();
  };
  document.addEventListener("fullscreenchange", resized);

  // ------------------------------------------------------------------------------------------------ challenges

  function begin(one) {
    endChallenge();
    if (points) find("free").onclick();
    pause();
    challenge = { one };
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(CHALLENGES[i] === one)));
    card.ask(one, guessed, () => endChallenge());
    find("card").scrollIntoView({ block: "nearest" });
  }

  function guessed(guess) {
    const { one } = challenge;
    const all = defaults(one.dimensions);
    const trained = Object.keys(all).every((name) => name === "seed" || all[name] === settings[name]) && seen?.steps >= one.warm;
    Object.assign(challenge, { guess, from: null, early: null });
    choice = -1;
    caption();
    if (one.fresh || !trained) {
      settings = { ...all, seed: settings.seed, ...(one.fresh ? one.weights : {}) };
      fresh();
    }
    if (one.fresh) challenge.from = 0;
    else card.wait(trained ? "Watch." : "First it learns with everything on…");
    if (one.fresh) card.wait(`Your guess: ${one.options[guess].toLowerCase()}. Watch.`);
    play();
    canvas.focus({ preventScroll: true });
    find("exhibit").scrollIntoView({ block: "nearest" });
  }

  function follow() {
    const { one, guess } = challenge;
    if (guess === undefined || challenge.told) return;
    if (challenge.from === null) {
      if (seen.steps < one.warm) return;
      challenge.from = seen.steps;
      challenge.before = { ...seen };
      for (const [weight, value] of Object.entries(one.weights)) setWeight(weight, value, true);
      card.wait(`Your guess: ${one.options[guess].toLowerCase()}. Now μ = 0: watch.`);
      return;
    }
    const after = seen.steps - challenge.from;
    if (after >= 20 && after <= 150 && seen.share && seen.share[1] > (challenge.early?.share[1] ?? 0)) challenge.early = { steps: seen.steps, share };
    if (!share || (!one.done(seen, share, after) && after < one.steps)) return;
    challenge.told = true;
    const truth = one.right(seen, share, challenge.early);
    const text = one.told(seen, share, challenge.before, challenge.early);
    card.tell({ guess: one.options[guess], truth: one.options[truth], text, link: one.link, address: links[one.id] }, () => endChallenge());
    find("live").textContent = text;
    lab.dataset.told = one.id;
  }

  function endChallenge() {
    challenge = null;
    delete lab.dataset.told;
    buttons.forEach((button) => button.setAttribute("aria-pressed", "false"));
    card.hide();
  }

  // ------------------------------------------------------------------------------------------------ pictures

  const sample = Array.from({ length: 14 }, (_, i) => i * 28 + 3); // whose pulls are shown unasked

  function choose(i) {
    choice = i;
    nearest = i >= 0 && seen ? closest(i) : [];
    if (views?.of !== i) views = null;
    if (!points) {
      const asked = showing ? [...new Set([...(i >= 0 ? [i] : []), ...(i >= 0 ? [] : sample)])] : i >= 0 ? [i] : [];
      if (!asked.length) pulls = null;
      tell("choose", { pictures: asked });
    }
    caption();
    dirty = true;
  }

  function caption() {
    const place = find("caption");
    find("count").hidden = choice >= 0;
    place.hidden = choice < 0 || mini || find("card").matches(".brief:not([hidden])");
    if (choice < 0 || !pictures) return;
    const digit = pictures.digit[choice];
    if (points) {
      place.textContent = `One view of a ${digit}; the line leads to the other view of the same picture.`;
    } else {
      const same = nearest.filter((k) => pictures.digit[k] === digit).length;
      place.textContent = `A ${digit} in ${hues[pictures.ink[choice]]} ink on ${hues[pictures.paper[choice]]} paper: ${same} of its 5 nearest here show a ${digit}. The orange line joins its two views.`;
    }
  }

  const where = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [clientX - box.left, clientY - box.top];
  };
  const world = () => ({
    pixels: pictures?.pixels, version: pictures?.version, count: xy && pictures ? xy.length / 2 : 0, xy, pairs: points, style, choice, near: points ? [] : nearest,
    framing: points ? "digit" : framing,
    frames: (i) => {
      const by = points ? "digit" : framing;
      return by ? (by === "digit" ? colours.classes[pictures.digit[i] % 10] : colours.hues[pictures[by][i]]) : style.background;
    },
    views: points ? null : views, pulls,
    labels: points || settings.dimensions === 2 ? ["z₁", "z₂"] : ["principal direction 1", "principal direction 2"],
  });
  canvas.onpointermove = (event) => {
    const [x, y] = where(event);
    if (points && held >= 0 && event.buttons) {
      move(held, ...scene.toPlane(x, y));
    } else if (event.pointerType !== "touch" && xy) {
      const found = scene.at(x, y, world());
      if (found !== choice) choose(found);
    }
  };
  canvas.onpointerdown = (event) => {
    const found = xy ? scene.at(...where(event), world(), event.pointerType === "touch" ? 14 : 4) : -1;
    choose(found);
    if (points && found >= 0) {
      held = found;
      heldUntil = Infinity;
      canvas.setPointerCapture(event.pointerId);
    }
  };
  canvas.onpointerup = canvas.onpointercancel = () => (held = -1);
  canvas.onpointerleave = (event) => event.pointerType !== "touch" && held < 0 && document.activeElement !== canvas && choose(-1);
  canvas.onkeydown = (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.key === "Escape") choose(-1);
    else if (event.key === " ") find("play").onclick();
    else if (way && points && event.shiftKey && choice >= 0) {
      held = choice;
      heldUntil = performance.now() + 1500;
      move(choice, xy[2 * choice] + 0.15 * way[0], xy[2 * choice + 1] + 0.15 * way[1]);
    } else if (way && xy) {
      choose(choice < 0 ? Math.floor(xy.length / 4) : nextInDirection(target ?? xy, xy.length / 2, choice, ...way));
      if (choice >= 0) find("live").textContent = find("caption").textContent;
    } else return;
    event.preventDefault();
  };

  function move(point, x, y) {
    free.put(point, Math.max(-3.2, Math.min(3.2, x)), Math.max(-3.2, Math.min(3.2, y)));
    refree([]);
    xy = Float32Array.from(target);
    untouched = 0;
  }

  function stepPoints() {
    const { lambda, mu, nu } = settings;
    const found = free.step(settings, held);
    refree([lambda * found.invariance, mu * found.variance, nu * found.covariance]);
    xy = Float32Array.from(target);
  }

  // ------------------------------------------------------------------------------------------------ every frame

  /** Two colours mixed; not every browser's canvas knows CSS's color-mix. */
  function mixed(one, other, share) {
    const parts = [one, other].map((colour) => /^#[0-9a-f]{6}$/i.test(colour) && [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)));
    return parts[0] && parts[1] ? `rgb(${parts[0].map((v, i) => Math.round(share * v + (1 - share) * parts[1][i])).join(" ")})` : one;
  }

  function restyle() {
    const css = getComputedStyle(lab), get = (name) => css.getPropertyValue(name).trim();
    style = {
      text: get("--st-text-color"), background: get("--st-background-color"), panel: get("--st-secondary-background-color"),
      primary: get("--st-primary-color"), font: get("--st-font") || "sans-serif", size: parseFloat(css.getPropertyValue("--small")) || 13,
      ...colours.terms,
    };
    style.soft = mixed(style.text, style.background, 0.78);
    style.faint = mixed(style.text, style.background, 0.22);
    dirty = true;
    if (seen) redraw = true;
  }
  let redraw = false, before = 0, owed = 0, due = 0;

  function frame(now) {
    if (ended) return;
    requestAnimationFrame(frame);
    const passed = Math.min(100, now - before);
    before = now;
    if (points && playing) {
      if (held >= 0 && now > heldUntil) held = -1;
      owed += (passed * Math.min(speed, 120)) / 1000;
      const many = Math.min(4, Math.floor(owed));
      for (let i = 0; i < many; i++) stepPoints();
      owed -= Math.floor(owed);
    }
    if (scene.resize() || redraw) {
      dirty = true;
      redraw = false;
      drawCharts(now);
    }
    if (target && xy && !calm.matches) {
      const part = 1 - Math.exp(-passed / EASE);
      let most = 0;
      for (let i = 0; i < xy.length; i++) {
        const left = target[i] - xy[i];
        xy[i] += part * left;
        if (left > most || -left > most) most = Math.abs(left);
      }
      if (most > 1e-3) dirty = true;
    }
    if (dirty && now >= due) {
      dirty = false;
      due = Math.max(due + DRAWING, now - DRAWING);
      scene.draw(world());
      frames.push(now);
      if (frames.length > 61) frames.shift();
      if (frames.length > 1) lab.dataset.frames = ((1000 * (frames.length - 1)) / (now - frames[0])).toFixed(1);
    }
    if (!points) tell("shown");
  }

  /** The small version on Start: learns, loses a term, gets it back, and stops. */
  function script() {
    const mu = seen.steps < OFF || seen.steps >= ON ? 25 : 0;
    if (mu !== settings.mu) {
      settings.mu = mu;
      tell("change", { wanted: { mu } });
    }
    const lead = seen.steps < OFF ? "" : mu ? "Variance on again: " : "Variance off: ";
    const { text } = describe(seen, share, settings);
    find("sentence").textContent = lead ? lead + text.charAt(0).toLowerCase() + text.slice(1) : text;
    if (seen.steps >= END && playing) {
      pause();
      find("replay").hidden = false;
    }
  }

  const hidden = () => {
    if (points) return;
    if (document.hidden) tell("pause");
    else if (playing) tell("play");
  };
  document.addEventListener("visibilitychange", hidden);
  calm.addEventListener("change", pace);
  const again = (event) => {
    if (ended || mini) return;
    const { settings: wanted, points: asked } = readAddress(location.search);
    if (JSON.stringify([wanted, asked]) === JSON.stringify([settings, points])) return;
    [settings, points] = [wanted, asked];
    endChallenge();
    fresh();
  };
  addEventListener("popstate", again);

  if (mini) {
    const place = Object.assign(document.createElement("p"), { className: "again-mini" });
    const replay = Object.assign(document.createElement("button"), { type: "button", className: "replay strong", textContent: "Play again", hidden: true });
    replay.onclick = () => {
      settings = defaults(2);
      replay.hidden = true;
      fresh();
      play();
    };
    place.append(replay, Object.assign(document.createElement("a"), { href: links.lab, target: "_self", textContent: "Switch the terms off yourself" }));
    find("exhibit").append(place);
  }
  restyle();
  fresh();
  play();
  requestAnimationFrame(frame);

  return {
    restyle: () => setTimeout(restyle, 50),
    end() {
      ended = true;
      worker.terminate();
      clearTimeout(reflect.timer);
      document.removeEventListener("fullscreenchange", resized);
      document.removeEventListener("visibilitychange", hidden);
      calm.removeEventListener("change", pace);
      removeEventListener("popstate", again);
    },
  };
}
