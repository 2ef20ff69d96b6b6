// Hears from the window of the lesson which step it shows.

import { whenIdle } from "../components/when_idle.js";

let newest = null; // the step to tell once the page is idle
let channel = null; // Streamlit calls again with another theme, and ends only the last call

export default function ({ setStateValue }) {
  channel?.close();
  channel = new BroadcastChannel("vicreg-lesson");
  channel.onmessage = ({ data: told }) => {
    if (!told.at) return;
    const waits = newest !== null;
    newest = told.at;
    if (waits) return;
    whenIdle(() => {
      const at = newest;
      newest = null;
      setStateValue("at", at);
    });
  };
  channel.postMessage({ ask: true });
  return () => channel.close();
}
