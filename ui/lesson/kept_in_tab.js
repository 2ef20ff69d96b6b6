// Keeps guesses and an own lesson file in the tab, so that a reload of the page loses nothing, and tells its step to other windows.

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
    else if (sessionStorage.getItem(PLACE)) setStateValue("kept", sessionStorage.getItem(PLACE));
  } catch { /* a browser that stores nothing: a reload starts again */ }
}
