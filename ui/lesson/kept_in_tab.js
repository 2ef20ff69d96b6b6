// Keeps guesses and an own lesson file in the tab, so that a reload of the page loses nothing, and tells its step to other windows.

import { whenIdle } from "../components/when_idle.js";

const PLACE = "vicreg-lesson";
let channel = null, at = ""; // to windows with speaker notes: which step is shown

function tell(now) {
  at = now;
  channel ??= new BroadcastChannel(PLACE);
  channel.onmessage = ({ data }) => data.ask && channel.postMessage({ at });
  channel.postMessage({ at });
}

export default function ({ data, setStateValue }) {
  tell(data.at);
  try {
    if (!data.fresh) sessionStorage.setItem(PLACE, data.kept);
    else if (sessionStorage.getItem(PLACE)) {
      const kept = sessionStorage.getItem(PLACE);
      whenIdle(() => setStateValue("kept", kept));
    }
  } catch { /* a browser that stores nothing: a reload starts again */ }
}
