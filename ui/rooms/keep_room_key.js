// Keep the key of the lecturer's room in this browser, so that a reload of the page does not lose the room.

import { whenIdle } from "../components/when_idle.js";

const NAME = "vicreg-room-led";

export default function ({ data, setStateValue }) {
  try {
    if (data.room) localStorage.setItem(NAME, data.room);
    else if (data.forget) localStorage.removeItem(NAME);
    else if (localStorage.getItem(NAME)) {
      const room = localStorage.getItem(NAME);
      whenIdle(() => setStateValue("room", room));
    }
  } catch { /* storage is switched off: the private link still works */ }
}
