// Presenter mode in the browser, and the button that copies the link. Streamlit calls the default export.

import { createBars } from "./bars.js";
import { followKeys } from "./stepping.js";
import { clear, findScreens, mainBlock, show, showWhole, textOf } from "./screens.js";

const buttonOf = (key) => document.querySelector(`.st-key-${key} :is(button:not([disabled]), a)`);

let backwards = false; // whether the page that comes next is entered at its last screen
let presented = null; // one at a time, also while Streamlit puts this component up anew

export default function ({ data, parentElement }) {
  offerLink(parentElement.querySelector(".link"));
  if (presented && !data.on) {
    presented.end();
    presented = null;
    noteMode(false);
  }
  if (data.on) {
    presented ??= present();
    presented.turnTo(data.page);
  }
  return () => {
    presented?.end();
    presented = null;
  };
}

/** Puts the mode into the address, which Streamlit leaves out after a page that ran only once, or takes it out. */
function noteMode(on) {
  const address = new URL(location.href);
  if (on === (address.searchParams.get("present") === "1")) return;
  if (on) address.searchParams.set("present", "1");
  else address.searchParams.delete("present");
  history.replaceState(history.state, "", address);
}

/** The address without how this visitor looks at the page. */
function addressOfView() {
  const address = new URL(location.href);
  const own = address.pathname.endsWith("/lesson") ? [] : ["lesson", "step"];
  for (const name of ["present", ...own]) address.searchParams.delete(name);
  address.hash = "";
  return address.href;
}

function offerLink(root) {
  const find = (name) => root.querySelector(name), said = find(".said"), field = find(".address");
  find(".copy").onclick = async () => {
    field.value = addressOfView();
    try {
      await navigator.clipboard.writeText(field.value);
      said.textContent = "Copied.";
    } catch { // without https a page may not write to the clipboard
      field.hidden = false;
      field.select();
      said.textContent = "Copy it from here.";
    }
    setTimeout(() => (said.textContent = ""), 4000);
  };
}

function present() {
  const act = { go, leave: () => buttonOf("present_switch")?.click() };
  const bars = createBars(act), ignore = followKeys(act);
  let page = null, at = 0, screens = [], asked = 0;

  function steps() {
    return document.querySelector(".stMain :is(.st-key-next, .st-key-back, .st-key-begin) button") !== null;
  }

  /** One screen on or back, or to another page; whether it went. arrow: by an arrow key. */
  function go(step, arrow = false) {
    const view = document.querySelector(".stMain"), below = view.scrollHeight - view.clientHeight - view.scrollTop;
    const own = steps(), button = step > 0 ? buttonOf("next") ?? buttonOf("begin") : buttonOf("back");
    if (own && arrow && button) return false; // these buttons have the arrow keys as shortcuts
    if (step > 0 ? below > 8 : view.scrollTop > 8) { // what does not fit is scrolled first
      view.scrollBy({ top: step * 0.75 * view.clientHeight, behavior: "instant" });
      return true;
    }
    view.scrollTop = 0;
    if (own && button) return button.click() ?? true;
    at = Math.min(at, Math.max(0, screens.length - 1)) + step;
    if (at >= 0 && at < Math.max(1, screens.length)) {
      history.replaceState(history.state, "", `${location.pathname}${location.search}#screen-${at + 1}`);
      draw();
      return true;
    }
    at = Math.max(0, Math.min(at, screens.length - 1));
    const turn = buttonOf(step > 0 ? "present_next" : "present_back");
    backwards = step < 0 && turn !== null;
    turn?.click();
    return true;
  }

  function turnTo(name) {
    if (page !== name) {
      const linked = page === null ? Number(location.hash.match(/^#screen-(\d{1,3})$/)?.[1] ?? 1) : 1;
      at = backwards ? Infinity : Math.max(0, linked - 1);
      backwards = false;
      page = name;
      document.querySelector(".stMain").scrollTop = 0;
    }
    later();
  }

  function draw() {
    asked = 0;
    if (!mainBlock()) return;
    noteMode(true);
    const { runs = [], keys = {} } = JSON.parse(document.documentElement.dataset.presented ?? "{}"), whole = steps();
    screens = whole ? [] : findScreens(keys);
    const number = Math.min(at, screens.length - 1), screen = screens[number], title = document.querySelector(".stMain h1");
    bars.tell({
      question: title ? textOf(title) : "",
      section: screen?.section ?? "",
      runs,
      place: screens.length > 1 ? `${number + 1} of ${screens.length}` : "",
    });
    if (screen) show(screen);
    else showWhole();
  }

  function later() {
    if (!asked) asked = requestAnimationFrame(draw);
  }

  const observer = new MutationObserver(later);
  observer.observe(document.querySelector(".stMain"), { childList: true, subtree: true });
  addEventListener("resize", later);
  document.addEventListener("vicreg-presented", later);
  return {
    turnTo,
    end() {
      cancelAnimationFrame(asked);
      observer.disconnect();
      removeEventListener("resize", later);
      document.removeEventListener("vicreg-presented", later);
      ignore();
      bars.end();
      clear();
    },
  };
}
