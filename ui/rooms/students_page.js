// The students' page of a room: wait for news, show them, send a vote. See door.py for the addresses.
"use strict";

const PATIENCE = 10_000; // milliseconds that a vote may take

const $ = (id) => document.getElementById(id);
const code = (new URLSearchParams(location.search).get("room") ?? "").trim().toUpperCase();
const me = identity();
let shown = null; // what is on the screen: with a vote that is on its way
let known = null; // what the server said last
let waiting = null;
let failures = 0;
let sending = 0; // the number of the last vote
let sent = Promise.resolve(); // when the votes before have their answers

/** A number that stands for this browser. It is made up here, and says nothing about its owner. */
function identity() {
  const made = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  try {
    const known = localStorage.getItem("vicreg-room-member");
    if (/^[0-9a-f]{32}$/.test(known ?? "")) return known;
    localStorage.setItem("vicreg-room-member", made);
  } catch { /* storage is switched off: a reload counts as another browser */ }
  return made;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function say(words, trouble = false) {
  if ($("status").textContent !== words) $("status").textContent = words;
  $("status").className = trouble ? "trouble" : "";
}

const letter = (index) => "ABCDEFGH"[index];

/** The options as buttons; the chosen one is pressed. */
function ballot(state) {
  const mine = state.mine[state.number - 1];
  return state.options.map((text, index) => {
    const button = element("button", { type: "button", class: "option", "aria-pressed": String(mine === index) },
      element("span", { class: "letter", "aria-hidden": "true" }, letter(index)), element("span", {}, text));
    button.addEventListener("click", () => vote(state, index));
    return element("li", {}, button);
  });
}

function bar(votes, all, name, kind) {
  const share = all ? votes / all : 0;
  const drawn = element("i", { "aria-hidden": "true" });
  drawn.style.width = `${Math.round(100 * share)}%`;
  const words = `${name}${votes} of ${all}`;
  return element("div", { class: `bar ${kind}` }, element("span", {}, drawn), element("span", {}, words));
}

/** The tallies of one or two rounds, option by option. */
function results(state) {
  const two = state.tallies.length > 1;
  const sums = state.tallies.map((tally) => tally.reduce((a, b) => a + b, 0));
  return state.options.map((text, index) => {
    const right = state.right === index;
    const row = element("li", { class: right ? "result right" : "result" }, `${letter(index)}. ${text} `);
    if (right) row.append(element("span", { class: "tag good" }, "✓ right answer "));
    if (state.mine[state.mine.length - 1] === index) row.append(element("span", { class: "tag" }, "(your vote)"));
    state.tallies.forEach((tally, round) => {
      const name = two ? ["before ", "after "][round] : "";
      row.append(bar(tally[index], sums[round], name, two && !round ? "before" : ""));
    });
    return row;
  });
}

function sentence(state) {
  const mine = state.mine?.[state.number - 1];
  if (state.phase === "waiting") return "You are in. The first question appears here.";
  if (state.phase === "voting" && mine != null) return `You chose ${letter(mine)}. You can change it until voting closes.`;
  if (state.phase === "voting" && state.number > 1) return "Talk with your neighbour, then vote again.";
  if (state.phase === "voting") return "Think on your own, then choose.";
  if (state.phase === "shown") return "Voting is closed. These are the votes of the class.";
  return `The right answer is ${letter(state.right)}.`;
}

function learn(state) {
  known = state;
  draw(state);
}

function draw(state) {
  shown = state;
  const place = $("exhibit");
  const focused = [...place.querySelectorAll("button")].indexOf(document.activeElement);
  const parts = [];
  if (state.text) parts.push(element("h1", {}, state.text));
  if (state.phase === "voting") parts.push(element("ol", { "aria-label": "Options" }, ...ballot(state)));
  else if (state.text) parts.push(element("ol", { "aria-label": "Votes" }, ...results(state)));
  if (state.why) parts.push(element("p", { class: "why" }, state.why));
  if (state.link) parts.push(element("p", {}, element("a", { href: state.link, target: "_blank", rel: "noopener" }, "See it in the app")));
  place.replaceChildren(...parts);
  if (focused >= 0) place.querySelectorAll("button")[focused]?.focus();
  say(sentence(state));
}

async function asked(path, options) {
  const answer = await fetch(path, { cache: "no-store", ...options });
  const told = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(told.error), { told: true, gone: answer.status === 404 });
  return told;
}

/** One vote after the other, so that the server counts the last; one that a newer vote replaces is not sent. */
function vote(state, choice) {
  const ticket = ++sending;
  const body = JSON.stringify({ room: code, me, step: state.step, number: state.number, choice });
  const mine = Object.assign([...state.mine], { [state.number - 1]: choice });
  draw({ ...state, mine });
  say("Sending your vote.");
  sent = sent.then(() => ticket === sending && send(ticket, body));
}

async function send(ticket, body) {
  const late = new AbortController();
  setTimeout(() => late.abort(), PATIENCE);
  try {
    const options = { method: "POST", headers: { "Content-Type": "application/json" }, body, signal: late.signal };
    const told = await asked("join/vote", options);
    if (told.news >= known.news) known = told;
    if (ticket === sending) draw(known);
  } catch (error) {
    if (ticket !== sending) return;
    draw(known);
    say(error.told ? error.message : "Your vote did not arrive. Try again.", true);
  }
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

/** Ask for news for as long as the page is open. Returns when the room is gone. */
async function follow() {
  for (;;) {
    const began = Date.now();
    waiting = new AbortController();
    try {
      const seen = shown ? `&seen=${shown.news}` : "";
      const told = await asked(`join/state?room=${code}&me=${me}${seen}`, { signal: waiting.signal });
      failures = 0;
      if (!shown || told.news !== shown.news) learn(told);
      else if (Date.now() - began < 1000) await pause(3);
      else if (shown === known) say(sentence(shown)); // no vote is on its way
    } catch (error) {
      if (error.name === "AbortError") continue;
      if (error.gone) return leave(error.message);
      failures += 1;
      say(error.told ? error.message : "No connection. Trying again.", true);
      await pause(Math.min(10, failures) * (0.5 + Math.random()));
    }
  }
}

function leave(words) {
  sending += 1; // a vote on its way has no place any more
  $("exhibit").replaceChildren();
  $("enter").hidden = false;
  say(words, true);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) waiting?.abort(); });
$("code").textContent = code;
if (/^[A-Z]{4}$/.test(code)) {
  document.title = `VICReg, seen: room ${code}`;
  follow();
} else {
  $("enter").hidden = false;
}
