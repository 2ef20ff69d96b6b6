// What of a page does not fit on the screen or is too small to read: a list of sentences, empty where all is well.
() => {
  const SMALLEST = 12; // pixels, of text in a drawing as it is shown
  const main = document.querySelector("[data-testid=stMain]");
  const inside = (root) => [...root.querySelectorAll("*")].flatMap((e) => [e, ...(e.shadowRoot ? inside(e.shadowRoot) : [])]);
  const above = (element) => element.parentElement ?? element.getRootNode().host;
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const name = (element) =>
    `${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""} "${element.textContent.trim().slice(0, 60)}"`;
  // a part that scrolls by itself has a bar or a shadow, as a sign that there is more
  const scrolls = (element) => {
    for (let parent = element; parent && parent !== main; parent = above(parent))
      if (["auto", "scroll"].includes(getComputedStyle(parent).overflowX) && parent.scrollWidth > parent.clientWidth)
        return true;
    return false;
  };
  const wrong = [];
  if (main.scrollWidth > main.clientWidth + 1) wrong.push(`the page is ${main.scrollWidth} wide`);
  for (const element of inside(main)) {
    if (!seen(element) || element.matches("input, .katex-mathml, .katex-mathml *")) continue; // fields, and KaTeX for screen readers
    if (element.matches(".katex-display") && element.scrollWidth > element.clientWidth + 4)
      wrong.push(`a formula is cut: ${name(element)}`);
    const { right, left, width } = element.getBoundingClientRect();
    const leaf = !element.childElementCount || element.tagName === "svg";
    if (leaf && width > 1 && (right > innerWidth + 1 || left < -1) && !scrolls(element))
      wrong.push(`cut at the side (${Math.round(left)} to ${Math.round(right)}): ${name(element)}`);
    if (element.tagName === "text" && element.textContent.trim()) {
      const { a, b } = element.getScreenCTM();
      const size = parseFloat(getComputedStyle(element).fontSize) * Math.hypot(a, b);
      if (size < SMALLEST - 0.05) wrong.push(`${size.toFixed(1)} px: ${name(element)}`);
    }
  }
  return wrong;
};
