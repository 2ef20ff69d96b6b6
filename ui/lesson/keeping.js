// Keeps guesses and an own lesson file in the tab, so that a reload of the page loses nothing.

const PLACE = "vicreg-lesson";

export default function ({ data, setStateValue }) {
  try {
    if (!data.fresh) sessionStorage.setItem(PLACE, data.kept);
    else if (sessionStorage.getItem(PLACE)) setStateValue("kept", sessionStorage.getItem(PLACE));
  } catch { /* a browser that stores nothing: a reload starts again */ }
}
