import "./last_click.js"; // a click makes the page wait for its answer

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".tiles");
  const focused = parentElement.activeElement?.dataset?.position;
  root.setAttribute("aria-label", data.label);
  const shown = data.side * data.scale;
  root.replaceChildren(...data.tiles.map((tile, position) => {
    const element = document.createElement(data.clickable ? "button" : "div");
    element.className = "tile" + (tile.framed ? " framed" : "");
    element.style.width = shown + "px";
    element.dataset.position = position;
    element.setAttribute("aria-label", tile.alt);
    if (data.clickable) {
      element.type = "button";
      element.title = tile.alt;
      element.setAttribute("aria-pressed", tile.framed ? "true" : "false");
      element.onclick = () => setTriggerValue("picked", tile.id);
    } else {
      element.setAttribute("role", "img");
    }
    const picture = document.createElement("span");
    picture.className = "picture";
    Object.assign(picture.style, {
      width: shown + "px", height: shown + "px", backgroundImage: `url(${data.sprite})`,
      backgroundSize: `${shown * data.columns}px auto`,
      backgroundPosition:
        `-${(position % data.columns) * shown}px -${Math.floor(position / data.columns) * shown}px`,
    });
    element.append(picture);
    tile.lines.forEach((line, number) => {
      const caption = document.createElement("span");
      caption.className = "caption" + (number ? " light" : "");
      if (!number && tile.colour) {
        const dot = document.createElement("span");
        dot.className = "dot";
        dot.style.background = tile.colour;
        caption.append(dot);
      }
      caption.append(line);
      element.append(caption);
    });
    return element;
  }));
  if (focused !== undefined) root.children[focused]?.focus();
}
