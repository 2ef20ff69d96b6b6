"""Everything that pages share: page table, run picker, cached loading, pictures and common widgets.

Pages import `ui` and `vicreg` and read like lessons: pick, compute (one call), draw, explain. What the page Start does not
need is loaded on first use, because a new server's first visitor waits for it: pandas alone takes a third of a second.
"""

from typing import TYPE_CHECKING

from ui.coloured_words import coloured, coloured_terms
from ui.components.svg_drawing import drawing
from ui.data_set_choice import chosen as chosen_data
from ui.data_set_facts import anomalous, class_colour, class_names, guessing, spec, studied
from ui.expanders import measured, show_source
from ui.page_figures import once
from ui.page_table import PAGES, foot, navigation, page
from ui.pictures import (
    Pictures,
    anomalies,
    data_uri,
    more_pictures,
    pictures,
    pictures_if_here,
    sample_picture,
    thumbnails,
)
from ui.representations import (
    clusters_by_chance,
    embed,
    representations,
    roc,
    search,
    search_picture,
    two_views,
)
from ui.run_picker import (
    budget,
    colour,
    label,
    last_losses,
    load_networks,
    measured_runs,
    metrics,
    networks,
    pick_compared,
    pick_pair,
    preset_run,
    results,
    study,
    title,
)
from ui.short_numbers import short
from ui.untrained_runs import same_encoder, spaces_before, untrained
from ui.widget_state import within
from vicreg.lazy_imports import names_of

if TYPE_CHECKING:
    from ui.ablation_panels import (
        collapse,
        covariance_maps,
        layer_panels,
        layers_frame,
        probes_panel,
        space_figures,
        spread_panels,
    )
    from ui.chart_widgets import chart, class_words, clicked_cell, pick_amount, pick_map
    from ui.commands import evaluate_command, has, how_to_measure, train_command
    from ui.components.page_width import width
    from ui.components.picture_tiles import tiles
    from ui.cost_of_one_picture import amortisation
    from ui.finished_charts import drawn, finished
    from ui.seed_words import seeds_frame, seeds_sentence
    from ui.upload_button import drop_own_picture, own_picture

__all__ = [
    "PAGES",
    "Pictures",
    "amortisation",
    "anomalies",
    "anomalous",
    "budget",
    "chart",
    "chosen_data",
    "class_colour",
    "class_names",
    "class_words",
    "clicked_cell",
    "clusters_by_chance",
    "collapse",
    "colour",
    "coloured",
    "coloured_terms",
    "covariance_maps",
    "data_uri",
    "drawing",
    "drawn",
    "drop_own_picture",
    "embed",
    "evaluate_command",
    "finished",
    "foot",
    "guessing",
    "has",
    "how_to_measure",
    "label",
    "last_losses",
    "layer_panels",
    "layers_frame",
    "load_networks",
    "measured",
    "measured_runs",
    "metrics",
    "more_pictures",
    "navigation",
    "networks",
    "once",
    "own_picture",
    "page",
    "pick_amount",
    "pick_compared",
    "pick_map",
    "pick_pair",
    "pictures",
    "pictures_if_here",
    "preset_run",
    "probes_panel",
    "representations",
    "results",
    "roc",
    "same_encoder",
    "sample_picture",
    "search",
    "search_picture",
    "seeds_frame",
    "seeds_sentence",
    "short",
    "show_source",
    "space_figures",
    "spaces_before",
    "spec",
    "spread_panels",
    "studied",
    "study",
    "thumbnails",
    "tiles",
    "title",
    "train_command",
    "two_views",
    "untrained",
    "width",
    "within",
]

_HOMES = {
    "ui.ablation_panels": (
        *("collapse", "covariance_maps", "layer_panels", "layers_frame", "probes_panel", "space_figures"),
        "spread_panels",
    ),
    "ui.chart_widgets": ("chart", "class_words", "clicked_cell", "pick_amount", "pick_map"),
    "ui.components.page_width": ("width",),
    "ui.components.picture_tiles": ("tiles",),
    "ui.cost_of_one_picture": ("amortisation",),
    "ui.finished_charts": ("drawn", "finished"),
    "ui.seed_words": ("seeds_frame", "seeds_sentence"),
    "ui.commands": ("evaluate_command", "has", "how_to_measure", "train_command"),
    "ui.upload_button": ("drop_own_picture", "own_picture"),
}
__getattr__ = names_of(__name__, {name: module for module, names in _HOMES.items() for name in names})
