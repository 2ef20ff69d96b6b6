"""The one Streamlit adapter: the page table, the run picker, cached loads, pictures, and the parts every page repeats.

Pages import `ui` and `vicreg`, and stay lessons: pick, compute (one call), draw, explain.
"""

from __future__ import annotations

import base64
import importlib.util
import inspect
import io
import pkgutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from vicreg import alignment, charts, datasets, runs
from vicreg.config import PRESETS, ViewConfig
from vicreg.runs import Run

if TYPE_CHECKING:
    from vicreg.model import Encoder, Expander

ROOT = Path(__file__).parent
STUDY = {"vicreg": 62.68, "no-variance": 14.66, "neighbour-views": 50.1}  # the study's linear probes, percent
MARKER = "_navigation_is_set"

# group -> (file, title in the navigation, icon, what the page shows)
PAGES = {
    "Learn": [
        ("start", "Start", ":material/school:", "What VICReg is, drawn with real views of a real picture."),
    ],
    "Explore": [
        (
            "training_curves",
            "Training curves",
            ":material/show_chart:",
            "The loss and its three terms, epoch by epoch.",
        ),
        ("maps", "Maps", ":material/scatter_plot:", "All test pictures as points: PCA beside t-SNE."),
        ("retrieval", "Retrieval", ":material/image_search:", "The nearest and the farthest pictures of one you pick."),
    ],
}


def navigation() -> st.Page:
    """The navigation, as a page to run. Called by app.py, and by a page that was opened without it."""
    st.session_state[MARKER] = True
    return st.navigation(
        {
            group: [
                st.Page(ROOT / "pages" / f"{name}.py", title=title, icon=icon, help=text, default=name == "start")
                for name, title, icon, text in entries
            ]
            for group, entries in PAGES.items()
        }
    )


def page(question: str, notice: str) -> None:
    """Open a page: its title is a question, under it the one thing to notice.

    A server that was just started runs a deep link's page file without app.py, since there is a folder called pages/:
    the navigation is then set here and the page run again, with its path and query kept.
    """
    if MARKER not in st.session_state:
        navigation()
        st.rerun()
    st.title(question, anchor=False)
    st.markdown(notice)


# Runs ---------------------------------------------------------------------------------------------------------------


def pick_run(*, label: str = "Run", key: str = "run") -> Run:
    """The run picker, kept in the URL and across pages. Ends the page with a sentence where there is no run at all."""
    found, broken = runs.find_runs()
    for sentence in broken:
        st.warning(sentence, icon=":material/broken_image:")
    if not found:
        st.info("There is no trained run on this machine. `python -m vicreg train` makes one.", icon=":material/info:")
        st.stop()
    name = st.selectbox(
        label,
        list(found),
        format_func=lambda name: found[name].title if not name.endswith("-own") else f"{found[name].title} (own)",
        key=key,
        bind="query-params",
        persist_state="session",
        help="Runs come with the app, or from `python -m vicreg train`.",
    )
    return found[name]


def _key(run: Run) -> str:
    """What a cached value of a run is kept under: its folder and the hashes of its files."""
    return f"{run.folder}:{sorted((name, entry['sha256']) for name, entry in run.record['files'].items())}"


@st.cache_data(max_entries=64, show_spinner=False)
def _results(key: str, name: str, _run: Run) -> pd.DataFrame:
    return _run.history if name == "history" else _run.results(name)


def results(run: Run, name: str) -> pd.DataFrame:
    """A run's table, read once for all visitors. Ends the page with a sentence where the run lacks it."""
    try:
        return _results(_key(run), name, run)
    except runs.RunError as error:
        st.warning(str(error), icon=":material/broken_image:")
        st.stop()


def metrics(run: Run) -> dict:
    """A run's figures; empty where it was not evaluated yet or the file is damaged, which a sentence then says."""
    try:
        return run.metrics
    except (runs.RunError, ValueError) as error:
        st.warning(str(error), icon=":material/broken_image:")
        return {}


@st.cache_resource(max_entries=3, show_spinner="Loading the network")
def _networks(key: str, _run: Run) -> tuple[Encoder, Expander]:
    return _run.encoder, _run.expander


def networks(run: Run) -> tuple[Encoder, Expander]:
    """The run's encoder and expander, loaded once for all visitors; ends the page where their file is damaged."""
    try:
        return _networks(_key(run), run)
    except runs.RunError as error:
        st.warning(str(error), icon=":material/broken_image:")
        st.stop()


# Pictures -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pictures:
    """Pictures numbered as a run's results number them. images: (N, 32, 32, 3) uint8; order: (M,) rows into it."""

    images: np.ndarray
    order: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    source: datasets.Source

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int | Sequence[int] | np.ndarray) -> np.ndarray:
        """The picture, or pictures, that the run's results know under these numbers; grey where one is not here."""
        rows = self.order[index]
        found = np.array(self.images[np.maximum(rows, 0)])
        found[rows < 0] = 128
        return found


@st.cache_resource(max_entries=4, show_spinner=False)
def _image_set(name: str, split: str) -> datasets.ImageSet:
    return datasets.load(name, split)


@st.cache_data(max_entries=8, show_spinner=False)
def _order(key: str, source: str, _run: Run, _images: datasets.ImageSet) -> np.ndarray:
    known = _run.results("fingerprints")
    prints = known.filter(regex=r"^f\d").to_numpy()
    return alignment.align(prints, known["label"].to_numpy(), _images)


def pictures(run: Run, split: str = "test") -> Pictures | None:
    """The run's pictures, if they are on this machine; else one line that says how to get them, and None.

    The test split is matched with the pictures that the run was measured on, since a copy from the Hub has another
    order and encoding than a folder of one's own. The network is used only after a click.
    """
    name = run.config.dataset
    try:
        if not datasets.available(name, split):
            _offer_pictures(name, split)
            return None
        with st.spinner("Reading the pictures, once on this machine"):
            image_set = _image_set(name, split)
            if split == "test":
                order = _order(_key(run), image_set.source.sha256, run, image_set)
            else:
                order = np.arange(len(image_set))
    except (datasets.DataError, datasets.PicturesMissing, runs.RunError) as error:
        st.warning(str(error), icon=":material/broken_image:")
        return None
    labels = run.results("fingerprints")["label"].to_numpy() if split == "test" else image_set.labels
    return Pictures(image_set.images, order, labels, image_set.classes, image_set.source)


def _offer_pictures(name: str, split: str) -> None:
    spec = datasets.CATALOGUE[name]
    size = spec.splits[split].bytes / 1e6
    words, button = st.columns([4, 1], vertical_alignment="center")
    words.info(
        f"{spec.title}'s {split} pictures are not on this machine; curves, maps and figures are. "
        f"Set VICREG_DATA to a folder laid out as on the Hub, or fetch {size:.0f} MB from {spec.repo}.",
        icon=":material/hide_image:",
    )
    if button.button(f"Fetch {size:.0f} MB", key=f"fetch_{split}", width="stretch"):
        try:
            with st.status(f"Fetching {spec.title} {split} pictures", expanded=True) as status:
                bar = st.progress(0.0, "Asking the Hub")
                datasets.load(
                    name,
                    split,
                    download=True,
                    on_progress=lambda done, total: bar.progress(
                        done / total, f"Reading {done:,} of {total:,} pictures"
                    ),
                )
                status.update(label="The pictures are here", state="complete")
        except (datasets.PicturesMissing, datasets.DataError) as error:
            st.warning(str(error), icon=":material/wifi_off:")
        else:
            st.rerun()


@st.cache_data(max_entries=8, show_spinner="Preparing the thumbnails")
def _thumbnails(key: str, count: int, _pictures: Pictures) -> list[str]:
    return [data_uri(image, "WEBP") for image in _pictures[np.arange(count)]]


def thumbnails(run: Run, pictures: Pictures, count: int) -> list[str]:
    """The first `count` pictures as small data URIs, for the hover of a chart; made once for all visitors."""
    return _thumbnails(f"{_key(run)}:{pictures.source.sha256}", count, pictures)


def data_uri(image: np.ndarray, form: str = "PNG") -> str:
    """An image (H, W, 3) uint8 as a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, form, **({"quality": 80} if form == "WEBP" else {}))
    return f"data:image/{form.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


# What a network makes of pictures -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """The nearest and the farthest of one query: gallery numbers (k,) and distances (k,), best first."""

    nearest: np.ndarray
    nearest_distances: np.ndarray
    farthest: np.ndarray
    farthest_distances: np.ndarray


def search(run: Run, pictures: Pictures, number: int, *, gallery: str, metric: str, k: int) -> Found:
    """The k nearest and farthest of a test picture: looked up for the test gallery, computed for the train gallery."""
    if gallery == "test":
        table = results(run, "neighbours")
        rows = table[(table["metric"] == metric) & (table["query"] == number)].head(k)
        columns = ("nearest", "nearest_distance", "farthest", "farthest_distance")
        return Found(*(rows[column].to_numpy() for column in columns))
    from vicreg.evaluation.encode import encode
    from vicreg.evaluation.neighbours import nearest_and_farthest

    query = encode(networks(run)[0], pictures[[number]])
    found = nearest_and_farthest(query, representations(run, gallery), k=k, metric=metric)
    return Found(
        found.nearest[0],
        found.nearest_distances[0],
        found.farthest[0],
        found.farthest_distances[0],
    )


@st.cache_resource(show_spinner=False)
def _lock(key: str) -> threading.Lock:
    return threading.Lock()


def representations(run: Run, split: str) -> np.ndarray:
    """The run's representations of a split, float32 (N, 512): from the disk cache, or computed under a progress bar.

    One visitor computes, the others wait for that.
    """
    from vicreg.pipeline import representations as compute

    image_set = _image_set(run.config.dataset, split)
    place = st.empty()
    with st.spinner(f"Waiting for the {split} pictures' representations"), _lock(f"{_key(run)}:{split}"):
        found = compute(
            run,
            image_set,
            on_progress=lambda done, total: place.progress(
                done / total, f"Encoding {done:,} of {total:,} pictures, once on this machine"
            ),
        )
    place.empty()
    return found


def two_views(image: np.ndarray, config: ViewConfig, draw: int) -> np.ndarray:
    """Two views of one image (H, W, 3) uint8, as (2, size, size, 3) uint8; draw: another number, other views."""
    import torch

    from vicreg.views import augmented_views

    batch = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    generator = torch.Generator().manual_seed(1054 + draw)
    views = augmented_views(batch.expand(2, -1, -1, -1), config, generator=generator)
    return (views.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()


def embed(run: Run, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Representations (n, 512) and embeddings (n, D) of a few images (n, S, S, 3) uint8."""
    import torch

    encoder, expander = networks(run)
    with torch.inference_mode():
        y = encoder(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
        return y.numpy(), expander(y).numpy()


def sample_picture() -> np.ndarray:
    """A picture (32, 32, 3) uint8 that is on every machine: the flower among scikit-learn's sample photographs."""
    folder = Path(importlib.util.find_spec("sklearn").origin).parent / "datasets" / "images"
    with Image.open(folder / "flower.jpg") as photo:
        return np.asarray(photo.convert("RGB").crop((80, 0, 507, 427)).resize((32, 32), Image.Resampling.LANCZOS))


# Pictures as tiles that can be clicked ------------------------------------------------------------------------------

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
    """Pictures at a whole multiple of their size, unsmoothed, as one sprite; a click or Enter picks one.

    images: (n, S, S, 3) uint8. captions: lines for each, the first beside a dot of its colour. alts: a text for
    each. ids: what on_pick is called with, before the page runs again. framed: the ids that are framed.
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
    """An SVG of our own making, in the colour of the text around it. (st.html takes SVG out.)"""
    _DRAWING(key=key, data={"svg": svg})


# The width of the page ----------------------------------------------------------------------------------------------

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
    """The width of the page's content in pixels, for charts of several panels, which cannot stretch by themselves."""
    known = st.session_state.get("_width", 860)
    told = _WIDTH(key="_width_probe", data={"width": known}, on_width_change=lambda: None, height=1).width
    if told and told != known:
        st.session_state["_width"] = known = int(told)
    return known


# What every page ends with ------------------------------------------------------------------------------------------


def measured(text: str, *, command: str | None = None) -> None:
    """Folded away: how the figures on this page were measured, and the command that makes them again."""
    with st.expander("How this was measured", icon=":material/straighten:"):
        st.markdown(text)
        if command:
            st.code(command, language="bash")


def show_source(*names: str) -> None:
    """Folded away, for the lecturer: the code of functions, by names like `vicreg.loss:variance`, loaded when opened."""
    shown = st.expander("Show the code", icon=":material/code:", on_change="rerun", key="_source")
    if shown.open:
        with shown:
            for name in names:
                st.code(inspect.getsource(pkgutil.resolve_name(name)), language="python")


def percent(value: float) -> str:
    """A percentage with two decimals."""
    return f"{value:.2f} %"


def class_colour(label: int) -> str:
    """The colour of a class, by its label."""
    return charts.CLASS_COLOURS[int(label) % len(charts.CLASS_COLOURS)]


def class_names(run: Run) -> list[str]:
    """The names of the classes of the run's data set, by label."""
    return list(datasets.class_names(run.config.dataset))


def coloured(text: str, term: str) -> str:
    """A word in the colour of a term, for st.markdown."""
    return rf"$\textcolor{{{charts.TERM_COLOURS[term]}}}{{\textsf{{{text}}}}}$"


def chart(drawing: charts.alt.TopLevelMixin, *, alt: str, key: str, **options):
    """An Altair chart as every page shows it: its own size, a text for those who cannot see it."""
    st.html("<style>#vg-tooltip-element img { width: 96px; image-rendering: pixelated; }</style>")  # pictures on hover
    return st.altair_chart(drawing, alt=alt, key=key, width="content", **options)


def brushed(frame: pd.DataFrame, box: dict[str, list[float]]) -> pd.DataFrame | None:
    """The rows inside a brushed box {column: [low, high]}; None where nothing is brushed."""
    if not box:
        return None
    inside = np.ones(len(frame), dtype=bool)
    for column, (low, high) in box.items():
        inside &= frame[column].between(low, high).to_numpy()
    return frame[inside]


def train_command(run: Run) -> str:
    """The command that trains the run again: its preset, and what was set otherwise."""
    preset = PRESETS.get(run.config.preset, PRESETS["vicreg"])
    words = ["python -m vicreg train", f"--preset {preset.preset}"]
    for name in ("dataset", "encoder", "optimiser", "epochs", "batch_size", "learning_rate", "weight_decay", "seed"):
        value = getattr(run.config, name)
        if value != getattr(preset, name):
            words.append(f"--{name.replace('_', '-')} {value}")
    return " ".join(words)
