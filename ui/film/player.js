// The player of a film: a clock in epochs, which other parts of the page follow. Streamlit calls the default export.

import { frameOf, listen, tell } from "./messages.js";

const FIRST = 1200; // milliseconds before a film that has come in sight plays by itself
const STEP = 900; // milliseconds a snapshot where the visitor wants no motion
const PLAY = "M5 3l12 7-12 7z", PAUSE = "M4 3h4v14H4zM12 3h4v14h-4z";
const MOST_MARKS = 13;

const instances = new WeakMap(); // Streamlit calls again with other data, and when the theme changes

export default function ({ data, parentElement }) {
  let player = instances.get(parentElement);
  if (!player) {
    player = createPlayer(parentElement.querySelector(".player"));
    instances.set(parentElement, player);
  }
  player.take(data);
  return () => {
    instances.delete(parentElement);
    player.end();
  };
}

function createPlayer(root) {
  const find = (name) => root.querySelector(`.${name}`), slider = find("at");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let data = { clock: [0], labels: [""] }, at = 0, playing = false, asked = 0, before = 0, seen = false, waiting = 0, fresh = false;

  const first = () => data.clock[0], last = () => data.clock.at(-1);
  const near = () => data.clock.findIndex((one) => Math.abs(one - at) < 1e-6 * (last() - first() || 1));

  function words() {
    const moment = near();
    if (moment >= 0) return data.labels[moment];
    return data.between.replace("{}", Math.floor(at));
  }

  function show() {
    slider.value = at;
    find("where").setAttribute("aria-live", playing ? "off" : "polite"); // not each epoch of a film that plays
    if (find("where").textContent !== words()) find("where").textContent = words();
    slider.setAttribute("aria-valuetext", words());
    find("word").textContent = playing ? "Pause" : "Play";
    root.querySelector("path").setAttribute("d", playing ? PAUSE : PLAY);
    root.dataset.at = at;
    tell(data.link, { frame: frameOf(data.clock, at), at });
  }

  function go(to) {
    at = Math.min(last(), Math.max(first(), to));
    show();
  }

  function pause() {
    [playing, fresh] = [false, false]; // what a visitor does comes before what plays by itself
    cancelAnimationFrame(asked);
    clearTimeout(waiting);
    show();
  }

  function play() {
    if (data.clock.length < 2) return;
    clearTimeout(waiting);
    [playing, fresh] = [true, false];
    if (at >= last()) at = first();
    before = performance.now();
    asked = requestAnimationFrame(tick);
    show();
  }

  function tick(now) {
    if (!playing) return;
    if (calm.matches) {
      if (now - before >= STEP) [before, at] = [now, data.clock.find((one) => one > at + 1e-9) ?? last()];
    } else {
      at = Math.min(last(), at + ((last() - first()) * Math.min(250, now - before)) / (1000 * data.seconds)); // a hidden page stands still
      before = now;
    }
    if (at >= last()) return pause();
    asked = requestAnimationFrame(tick);
    show();
  }

  /** To the next snapshot or the one before. */
  function step(way) {
    pause();
    const small = 1e-6 * (last() - first());
    go((way > 0 ? data.clock.find((one) => one > at + small) : data.clock.findLast((one) => one < at - small)) ?? at);
  }

  function key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const onButton = event.composedPath()[0] === find("play");
    if (event.key === " " && onButton) return; // a click, which follows
    if (event.key === " ") playing ? pause() : play();
    else if (event.key === "ArrowRight" || event.key === "ArrowUp") step(1);
    else if (event.key === "ArrowLeft" || event.key === "ArrowDown") step(-1);
    else if (event.key === "Home") pause(), go(first());
    else if (event.key === "End") pause(), go(last());
    else return;
    event.preventDefault();
    event.stopPropagation(); // as in ui/picture_map/pointer.js
  }

  /** Keys that nothing else on the page wants play the film too, while it is in sight: no need to click first. */
  function keyOfThePage(event) {
    if (seen && document.activeElement === document.body && [" ", "ArrowRight", "ArrowLeft"].includes(event.key)) key(event);
  }

  find("play").onclick = () => (playing ? pause() : play());
  slider.oninput = () => {
    pause();
    go(Number(slider.value));
  };
  root.addEventListener("keydown", key);
  document.addEventListener("keydown", keyOfThePage);
  const observer = new IntersectionObserver(([entry]) => {
    seen = entry.isIntersecting;
    if (seen && fresh && !calm.matches) waiting = setTimeout(play, FIRST);
    fresh &&= !seen;
  }, { threshold: 0.5 });
  observer.observe(root);
  const unlisten = listen(() => data.link, ({ ask }) => ask && show());

  function take(found) {
    const other = found.name !== data.name;
    data = found;
    [slider.min, slider.max] = [first(), last()];
    const every = Math.ceil(data.clock.length / MOST_MARKS), marked = data.clock.filter((_, i) => i % every === 0 || i === data.clock.length - 1);
    find("marks").replaceChildren(...(data.between.includes("{}") ? marked : []).map((one) => {
      const mark = Object.assign(document.createElement("span"), { textContent: String(one) });
      mark.style.left = `${(100 * (one - first())) / (last() - first() || 1)}%`;
      return mark;
    }));
    find("marks").hidden = !data.between.includes("{}");
    if (other) {
      pause();
      fresh = !seen;
      if (seen && !calm.matches) waiting = setTimeout(play, FIRST);
      at = first();
    }
    show();
  }

  return {
    take,
    end() {
      pause();
      observer.disconnect();
      unlisten();
      document.removeEventListener("keydown", keyOfThePage);
    },
  };
}
