// The controls: three switches with sliders, the buttons below the exhibit, and what is under "More".

import { DIMENSIONS } from "./address.js";

/** The three terms, in the order and notation of the paper's formula. weight: the setting that a switch changes. */
export const TERMS = [
  { term: "invariance", weight: "lambda", symbol: "λ", formula: "s", says: "two views agree" },
  { term: "variance", weight: "mu", symbol: "μ", formula: "v", says: "every dimension varies" },
  { term: "covariance", weight: "nu", symbol: "ν", formula: "c", says: "dimensions are not correlated" },
];

const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

/** Builds the three switches in `place`. set(weight, value, done) is called with a new weight; done: let go. */
export function buildTerms(place, set) {
  const last = {}; // what a switch turns on again
  const cards = TERMS.map(({ term, weight, symbol, formula, says }) => {
    const toggle = make("button", { type: "button", className: "toggle" });
    toggle.setAttribute("role", "switch");
    toggle.setAttribute("aria-label", `${term} term`);
    const slider = make("input", { type: "range", min: 0, max: 50, step: 1 });
    slider.setAttribute("aria-label", `${symbol}, the weight of the ${term} term`);
    const note = make("span", { className: "says", textContent: ` ${says}` });
    const name = make("span", { className: "name", title: says }, make("b", { textContent: term }), note);
    const value = make("span", { className: "value" }), number = make("output", { className: "weight" });
    const card = make("div", { className: "term" }, toggle, name, value, slider, number);
    card.style.setProperty("--own", `var(--${term})`);
    toggle.onclick = () => set(weight, slider.valueAsNumber ? 0 : last[weight], true);
    slider.oninput = () => set(weight, slider.valueAsNumber, false);
    slider.onchange = () => set(weight, slider.valueAsNumber, true);
    place.append(card);
    return { term, weight, symbol, formula, toggle, slider, value, number, card };
  });
  return {
    /** Shows the weights of the settings; usual: what a switch turns on where it never was. */
    show(settings, usual) {
      for (const { weight, symbol, toggle, slider, number, card } of cards) {
        const now = settings[weight];
        if (now) last[weight] = now;
        last[weight] ??= usual[weight] || 25;
        if (slider.valueAsNumber !== now) slider.value = now;
        toggle.setAttribute("aria-checked", String(now > 0));
        card.classList.toggle("off", !now);
        number.textContent = now ? `${symbol} = ${now}` : `${symbol} = 0`;
      }
    },
    /** Shows what each weighted term adds to the loss. */
    value(values) {
      for (const { term, symbol, formula, value } of cards) {
        value.replaceChildren(`${symbol} `, make("i", { textContent: formula }), " = ", values ? values[term].toFixed(values[term] < 9.95 ? 2 : 1) : "–");
      }
    },
  };
}

/** Fills the choices under "More" and calls set(name, value) when one changes. */
export function buildMore(lab, set) {
  const choices = { dimensions: DIMENSIONS, width: [32, 64, 128], rate: [0.0005, 0.001, 0.002, 0.003, 0.005] };
  const inputs = { seed: lab.querySelector(".seed") };
  for (const [name, values] of Object.entries(choices)) {
    inputs[name] = lab.querySelector(`select.${name}`);
    for (const value of values) inputs[name].append(make("option", { value, textContent: String(value).replace(/^0\./, ".") }));
  }
  for (const [name, input] of Object.entries(inputs)) {
    input.onchange = () => {
      const value = Number(input.value);
      if (input.value !== "" && Number.isInteger(name === "seed" ? value : 1) && value >= 0 && value <= 9999) set(name, value);
    };
  }
  return (settings) => {
    for (const [name, input] of Object.entries(inputs)) input.value = settings[name];
  };
}

/** Returns what shows a text in `place`, followed by a button that calls startAgain(); an empty text hides it. */
export function buildHint(place, startAgain) {
  return (text) => {
    place.hidden = !text;
    const button = make("button", { type: "button", textContent: "start again", onclick: startAgain });
    place.replaceChildren(...(text ? [text, button, "."] : []));
  };
}

/** The buttons of the challenges in `place`; begin(challenge) when one is pressed. */
export function buildChallenges(place, challenges, begin) {
  return challenges.map((challenge) => {
    const button = make("button", { type: "button", textContent: challenge.button });
    button.setAttribute("aria-pressed", "false");
    button.onclick = () => begin(challenge);
    place.append(button);
    return button;
  });
}

/** The card of a challenge: its question with options, then what came of it. */
export function buildCard(card) {
  const show = (brief, ...children) => {
    card.replaceChildren(...children);
    card.classList.toggle("brief", brief);
    card.hidden = false;
  };
  const close = (act) => {
    const button = make("button", { type: "button", textContent: "Close" });
    button.onclick = act;
    return button;
  };
  return {
    ask({ question, options }, guess, dismiss) {
      const row = make("div", { className: "options" });
      options.forEach((text, i) => {
        const button = make("button", { type: "button", textContent: text });
        button.onclick = () => guess(i);
        row.append(button);
      });
      show(false, make("p", { className: "question", textContent: question }), row, make("div", { className: "row" }, close(dismiss)));
      row.firstChild.focus({ preventScroll: true });
    },
    wait(text) {
      show(true, make("p", { textContent: text }));
    },
    tell({ guess, truth, text, link, address }, dismiss) {
      const way = make("a", { href: address, target: "_blank", rel: "noopener", textContent: `${link} ↗` });
      show(
        false,
        make("p", { className: "question", textContent: guess === truth ? `You guessed it: ${truth.toLowerCase()}.` : `You guessed “${guess}”. What happened: ${truth.toLowerCase()}.` }),
        make("p", { textContent: text }),
        make("div", { className: "row" }, way, close(dismiss)),
      );
    },
    hide() {
      card.hidden = true;
    },
  };
}
