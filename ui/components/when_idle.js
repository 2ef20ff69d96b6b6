// For what a component tells Python by itself. With each message Streamlit sends the values of all widgets. While it answers
// a click, the browser still has the old values of those that the answer changes, and a message would set them back.

import { sinceClick } from "./last_click.js";

const BUSY = ["running", "rerunRequested", "stopRequested"], EACH = 50; // milliseconds from one look to the next
const UNTIL_HEARD = 1500; // milliseconds until the browser hears that a click is being answered; the page looks idle so long

/** Calls `act` once the page has been idle for two looks, and no click or key is on its way to the server. */
export function whenIdle(act, idle = 0) {
  const state = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState;
  if (BUSY.includes(state) || sinceClick() < UNTIL_HEARD) idle = -1;
  if (idle > 0) act();
  else setTimeout(() => whenIdle(act, idle + 1), EACH);
}
