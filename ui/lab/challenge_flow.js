// Runs a challenge: asks, waits for the guess, trains, and shows the result.

import { defaults } from "./address.js";
import { CHALLENGES } from "./challenges.js";
import { buildCard, buildChallenges } from "./controls.js";

/** act: what the lab does when it is told to. links: where a real run shows the same, by the challenge's id. */
export function createGame(lab, state, act, links) {
  const card = buildCard(lab.querySelector(".card"));
  const buttons = buildChallenges(lab.querySelector(".challenges"), CHALLENGES, begin);
  let game = null; // {one, guess, from, before, early, told}

  function begin(one) {
    end();
    act.leavePoints();
    act.pause();
    game = { one };
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(CHALLENGES[i] === one)));
    card.ask(one, guessed, dismiss);
    lab.querySelector(".card").scrollIntoView({ block: "nearest" });
  }

  function guessed(guess) {
    const { one } = game, usual = defaults(one.dimensions), { settings, seen } = state;
    const trained = Object.keys(usual).every((name) => name === "seed" || usual[name] === settings[name]) && seen?.steps >= one.warm;
    Object.assign(game, { guess, from: one.fresh ? 0 : null, early: null });
    act.choose(-1);
    if (one.fresh || !trained) act.restart({ ...usual, ...(one.fresh ? one.weights : {}), seed: settings.seed });
    card.wait(one.fresh || trained ? `Your guess: ${one.options[guess].toLowerCase()}. Watch.` : "First it trains with all terms…");
    act.play();
    act.lookAtExhibit();
  }

  /** After every look: whether the term goes off now, or what was seen can be told. */
  function follow() {
    if (!game || game.guess === undefined || game.told) return;
    const { one, guess } = game, { seen, share } = state;
    if (game.from === null) {
      if (seen.steps < one.warm) return;
      Object.assign(game, { from: seen.steps, before: { ...seen } });
      for (const [weight, value] of Object.entries(one.weights)) act.setWeight(weight, value);
      card.wait(`Your guess: ${one.options[guess].toLowerCase()}. Now μ = 0: watch.`);
      return;
    }
    const after = seen.steps - game.from;
    if (after >= 20 && after <= 150 && seen.share && seen.share[1] > (game.early?.share[1] ?? 0)) {
      game.early = { steps: seen.steps, share };
    }
    if (!share || (!one.done(seen, share, after) && after < one.steps)) return;
    game.told = true;
    const truth = one.right(seen, share, game.early), text = one.told(seen, share, game.before, game.early);
    card.tell({ guess: one.options[guess], truth: one.options[truth], text, link: one.link, address: links[one.id] }, dismiss);
    act.say(text);
    lab.dataset.told = one.id;
  }

  function end() {
    game = null;
    delete lab.dataset.told;
    buttons.forEach((button) => button.setAttribute("aria-pressed", "false"));
    card.hide();
  }

  function dismiss() {
    const button = buttons[CHALLENGES.indexOf(game.one)];
    end();
    button.focus(); // the card had the focus, and is gone
  }

  return { follow, end, playing: () => game !== null };
}
