// For what a component tells Python by itself. With each message Streamlit sends the values of all widgets. While it answers
// a click, the browser still has the old values of those that the answer changes, and a message would set them back.

const BUSY = ["running", "rerunRequested", "stopRequested"], EACH = 50; // milliseconds from one look to the next

/** Calls `act` once the page has been idle for two looks. */
export function whenIdle(act, idle = 0) {
  const state = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState;
  if (BUSY.includes(state)) idle = -1;
  if (idle > 0) act();
  else setTimeout(() => whenIdle(act, idle + 1), EACH);
}
