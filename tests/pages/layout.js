// What of a page does not fit on the screen or is too small to read: a list of sentences, empty where all is well.
() => {
  const SMALLEST = 12; // pixels, of text in a drawing as it is shown
  const main = document.querySelector("[data-testid=stMain]");
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const name = (element) =>
    `${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""} "${element.textContent.trim().slice(0, 60)}"`;
  // a part that scrolls by itself shows a bar, as a sign that there is more
  const scrolls = (element) => {
    for (let parent = element; parent && parent !== main; parent = parent.parentElement)
      if (["auto", "scroll"].includes(getComputedStyle(parent).overflowX) && parent.scrollWidth > parent.clientWidth)
        return true;
    return false;
  };
  const wrong = [];
  if (main.scrollWidth > main.clientWidth + 1) wrong.push(`the page is ${main.scrollWidth} wide`);
  for (const element of main.querySelectorAll("*")) {
    if (!seen(element) || element.closest(".katex-mathml")) continue; // KaTeX's copy for screen readers
    const { right, left, width } = element.getBoundingClientRect();
    const leaf = !element.childElementCount || element.tagName === "svg" || element.tagName === "CANVAS";
    if (leaf && width > 1 && (right > innerWidth + 1 || left < -1) && !scrolls(element))
      wrong.push(`cut at the side (${Math.round(left)} to ${Math.round(right)}): ${name(element)}`);
    if (element.tagName === "text" && element.textContent.trim()) {
      const turned = Math.hypot(element.getScreenCTM().a, element.getScreenCTM().b);
      const shown = parseFloat(getComputedStyle(element).fontSize) * turned;
      if (shown < SMALLEST - 0.05) wrong.push(`${shown.toFixed(1)} px: ${name(element)}`);
    }
  }
  return wrong;
};
