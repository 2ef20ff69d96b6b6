// The groups of a colouring as buttons: pointing at one, or focusing it, shows it alone; a click keeps it so.

/** act.light({ colouring, group } or null, keep): what is shown alone. */
export function fillLegend(element, state, shown, act) {
  const focused = element.getRootNode().activeElement?.dataset?.group;
  element.replaceChildren(...shown.map((number) => {
    const { title, names, css, values, ordered } = state.colourings[number], list = document.createElement("div");
    Object.assign(list, { className: ordered ? "groups ordered" : "groups" });
    list.setAttribute("role", "group");
    list.setAttribute("aria-label", title);
    if (shown.length > 1 || ordered) list.append(Object.assign(document.createElement("span"), { className: "what", textContent: title }));
    const used = values ? new Set(values) : null;
    list.append(...names.flatMap((name, group) => {
      if (used && !used.has(group)) return [];
      const button = document.createElement("button"), spot = document.createElement("span");
      const kept = state.kept?.colouring === number && state.kept.group === group;
      Object.assign(button, { type: "button", className: "group" });
      button.dataset.group = `${number}:${group}`;
      button.setAttribute("aria-pressed", String(kept));
      spot.className = "spot";
      spot.style.background = css[group];
      button.append(spot, name);
      button.onpointerenter = ({ pointerType }) => pointerType === "mouse" && act.light({ colouring: number, group }, false);
      button.onpointerleave = () => act.light(null, false);
      button.onfocus = () => button.matches(":focus-visible") && act.light({ colouring: number, group }, false);
      button.onblur = () => act.light(null, false);
      button.onclick = () => act.light(kept ? null : { colouring: number, group }, true);
      return [button];
    }));
    return list;
  }));
  if (focused) element.querySelector(`[data-group="${focused}"]`)?.focus();
}
