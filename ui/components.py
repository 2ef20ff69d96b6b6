"""Custom components: clickable picture tiles, SVG drawings, and the page width."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from ui.pictures import data_uri

_TILES = st.components.v2.component(
    "vicreg_tiles",
    html="<div class='tiles' role='group'></div>",
    css="""
    .tiles { display: flex; flex-wrap: wrap; gap: 0.5rem; font-family: var(--st-font); }
    .tile { border: 0; padding: 0; background: none; color: inherit; font: inherit; text-align: left; }
    button.tile { cursor: pointer; }
    .picture { display: block; image-rendering: pixelated; background-repeat: no-repeat; border-radius: 2px; }
    button.tile:hover .picture { box-shadow: 0 0 0 2px var(--st-border-color); }
    .framed .picture, button.tile:focus-visible .picture { box-shadow: 0 0 0 3px var(--st-primary-color); }
    button.tile:focus { outline: none; }
    .caption { display: block; margin-top: 0.2rem; font-size: 0.72rem; line-height: 1.2; color: var(--st-text-color);
               white-space: nowrap; }
    .dot { display: inline-block; width: 0.6em; height: 0.6em; border-radius: 50%; margin-right: 0.25em;
           border: 0.5px solid #333; }
    .light { opacity: 0.7; font-variant-numeric: tabular-nums; }
    """,
    js="""
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
    """,
)


def tiles(
    images: np.ndarray,
    *,
    key: str,
    label: str,
    captions: Sequence[Sequence[str]] | None = None,
    alts: Sequence[str],
    colours: Sequence[str | None] | None = None,
    ids: Sequence[int] | None = None,
    framed: Sequence[int] = (),
    scale: int = 2,
    on_pick: Callable[[int], None] | None = None,
) -> None:
    """Pictures enlarged by a whole factor without smoothing, sent as one sprite. A click or Enter picks one.

    images: (n, S, S, 3) uint8. captions: lines per picture; the first has a dot in its colour. alts: one text per picture.
    ids: passed to on_pick before the page reruns. framed: the ids with a frame.
    """
    count, side = len(images), images.shape[1]
    if not count:
        return
    columns = min(count, 20)
    ids = list(ids) if ids is not None else list(range(count))
    sprite = np.zeros((-(-count // columns) * side, columns * side, 3), np.uint8)
    for i, image in enumerate(images):
        row, column = divmod(i, columns)
        sprite[row * side : (row + 1) * side, column * side : (column + 1) * side] = image

    def picked() -> None:
        value = st.session_state[key].picked
        if on_pick is not None and value is not None:
            on_pick(int(value))

    _TILES(
        key=key,
        data={
            "sprite": data_uri(sprite),
            "columns": columns,
            "side": side,
            "scale": scale,
            "label": label,
            "clickable": on_pick is not None,
            "tiles": [
                {
                    "id": int(ids[i]),
                    "alt": alts[i],
                    "framed": ids[i] in framed,
                    "colour": colours[i] if colours else None,
                    "lines": list(captions[i]) if captions else [],
                }
                for i in range(count)
            ],
        },
        on_picked_change=picked,
    )


_DRAWING = st.components.v2.component(
    "vicreg_drawing",
    html="<div class='drawing'></div>",
    css="""
    .drawing { color: var(--st-text-color); font-family: var(--st-font); }
    """,
    js="""
    export default function ({ data, parentElement }) {
      parentElement.querySelector(".drawing").innerHTML = data.svg;
    }
    """,
)


def drawing(svg: str, *, key: str) -> None:
    """An SVG in the page's text colour. (st.html removes SVG.) It must come from this app, never from users."""
    _DRAWING(key=key, data={"svg": svg})


_WIDTH = st.components.v2.component(
    "vicreg_width",
    html="<div></div>",
    js="""
    export default function ({ data, parentElement, setStateValue }) {
      const element = parentElement.host ?? parentElement;
      let timer = 0;
      const measure = () => {
        const width = Math.floor(element.getBoundingClientRect().width / 20) * 20;
        if (width > 0 && width !== data.width) setStateValue("width", width);
      };
      const observer = new ResizeObserver(() => { clearTimeout(timer); timer = setTimeout(measure, 200); });
      observer.observe(element);
      measure();
      return () => { clearTimeout(timer); observer.disconnect(); };
    }
    """,
)


def width() -> int:
    """The width of the page's content in pixels, for charts with several panels, which cannot stretch."""
    known = st.session_state.get("_width", 860)
    told = _WIDTH(key="_width_probe", data={"width": known}, on_width_change=lambda: None, height=1).width
    if told and told != known:
        st.session_state["_width"] = known = int(told)
    return known
