// Hears from the window of the lesson which step it shows.

import { whenIdle } from "../components/when_idle.js";

let channel = null; // Streamlit calls again with another theme, and ends only the last call

export default function ({ setStateValue }) {
  channel?.close();
  channel = new BroadcastChannel("vicreg-lesson");
  channel.onmessage = ({ data: told }) => told.at && whenIdle(() => setStateValue("at", told.at));
  channel.postMessage({ ask: true });
  return () => channel.close();
}
