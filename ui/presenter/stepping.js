// The keys of presenter mode, where no control has a use of its own for them.

const STEPS = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 };
const WIDGETS = "input, textarea, select, canvas, [contenteditable=true], [role=slider], [role=radio], [role=option], [role=combobox], [role=tab], [role=application]";

/** act: go(step, arrow), which says whether it went, and leave(). Returns what stops listening.
 *
 * It hears keys first: a film's player, say, would take the arrow keys of the whole page. */
export function followKeys(act) {
  function onKey(event) {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const at = event.composedPath()[0], busy = at instanceof Element && at.matches(WIDGETS), arrow = event.key.startsWith("Arrow");
    if (event.key === "Escape" && !at.matches?.("canvas") && !document.querySelector("[role=dialog], [role=listbox]")) act.leave();
    else if (!(event.key in STEPS) || (arrow && busy) || at.matches?.("textarea") || !act.go(STEPS[event.key], arrow)) return;
    event.preventDefault();
    event.stopPropagation();
  }
  document.addEventListener("keydown", onKey, true);
  return () => document.removeEventListener("keydown", onKey, true);
}
