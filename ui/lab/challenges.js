// Four challenges: the visitor guesses, the network trains, then one sentence says what happened, with a link to a real run.

import { digits2, tenths } from "./sentence.js";

const thin = ({ eigen }) => eigen[1] / eigen[0];
const widest = ({ std }) => Math.max(...std);

/**
 * dimensions: D of the network. fresh: start again with these weights; otherwise change them after `warm` steps with all
 * terms on. done(seen, share, after): whether the result is clear, `after` steps after the change (at most `steps`).
 * right: the option that came true. told: a description of the result, before and now.
 * early: {steps, share} at the moment within the first 150 steps when most neighbours shared the ink.
 */
export const CHALLENGES = [
  {
    id: "variance", button: "Variance off", dimensions: 2, warm: 250, weights: { mu: 0 }, steps: 500,
    question: "The network has trained with all three terms. Now we set μ = 0. Where will the pictures go?",
    options: ["Into one point", "Onto a line", "They stay", "Farther apart"],
    done: (seen) => widest(seen) < 0.02,
    right: (seen) => (widest(seen) < 0.1 ? 0 : thin(seen) < 0.05 ? 1 : widest(seen) < 1.5 ? 2 : 3),
    told: (seen, share, before) =>
      `Largest standard deviation ${digits2(widest(before))} before, ${digits2(widest(seen))} now. The loss fell from ` +
      `${before.loss.toFixed(1)} to ${seen.loss.toFixed(1)}, which looks like success, but all pictures now have the same embedding.`,
    link: "The same on CIFAR-10: a run without variance",
  },
  {
    id: "covariance", button: "Covariance off", dimensions: 2, fresh: true, weights: { nu: 0 }, steps: 400,
    question: "A new network, with ν = 0 from the start. What shape will the pictures form?",
    options: ["One point", "A line", "A round cloud", "Several groups"],
    done: (seen, share, after) => after > 60 && thin(seen) < 0.02 && widest(seen) > 0.7,
    right: (seen) => (widest(seen) < 0.1 ? 0 : thin(seen) < 0.05 ? 1 : 2),
    told: (seen) =>
      `Each dimension varies as it should (standard deviations ${digits2(Math.min(...seen.std))} and ${digits2(widest(seen))}), but both ` +
      `carry the same information: across the line, the variance is only ${digits2(thin(seen))} times that along it. ` +
      `Only one direction is used.`,
    link: "The same on CIFAR-10: fewer directions are used",
  },
  {
    id: "invariance", button: "Invariance off", dimensions: 2, fresh: true, weights: { lambda: 0 }, steps: 400,
    question: "A new network, with λ = 0: no term makes two views of a picture agree. What will neighbours share?",
    options: ["The digit", "Ink and paper", "Nothing", "Everything"],
    done: (seen, share, after) => after > 90 && share[1] >= 0.5 && widest(seen) > 0.7,
    right: (seen, share) => (share[1] < 0.3 ? (share[0] < 0.3 ? 2 : 0) : share[0] < 0.4 ? 1 : 3),
    told: (seen, share) =>
      `Of the 10 nearest, ${tenths(share[1])} share the ink and ${tenths(share[2])} the paper, but only ` +
      `${tenths(share[0])} the digit (guessing: 1.7, 1.7 and 1.0). Colour is the easiest way to differ.`,
    link: "The same on CIFAR-10: neighbours without invariance",
  },
  {
    id: "everything", button: "Everything on, D = 8", dimensions: 8, fresh: true, weights: {}, steps: 1500,
    question: "A new network with eight dimensions and all three terms. What will the nearest pictures share?",
    options: ["First the colour, then the digit", "The digit from the start", "Only the colour", "Neither"],
    done: (seen, share) => share[0] >= 0.85,
    right: (seen, share, early) => (share[0] < 0.4 ? (share[1] > 0.4 ? 2 : 3) : early && early.share[1] > early.share[0] ? 0 : 1),
    told: (seen, share, before, early) =>
      (early ? `After ${early.steps} steps ${tenths(early.share[1])} of the 10 nearest shared the ink and ${tenths(early.share[0])} the digit. ` : "") +
      `After ${seen.steps.toLocaleString("en")} steps ${tenths(share[0])} share the digit and ${tenths(share[1])} the ink. ` +
      "No labels were used: two views in different colours were enough.",
    link: "The same on CIFAR-10: what looks similar to a trained run",
  },
];
