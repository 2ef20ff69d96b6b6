"""Everything that pages share: page table, run picker, cached loading, pictures and common widgets.

Pages import `ui` and `vicreg` and read like lessons: pick, compute (one call), draw, explain.
"""

from ui import anomaly_figures
from ui.ablation_panels import (
    collapse,
    covariance_maps,
    layer_panels,
    layers_frame,
    probes_panel,
    short,
    space_figures,
    spread_panels,
)
from ui.chart_widgets import chart, clicked_cell, pick_amount, pick_map
from ui.components.page_width import width
from ui.components.picture_tiles import tiles
from ui.components.svg_drawing import drawing
from ui.cost_of_one_picture import amortisation
from ui.data_set_facts import anomalous, class_colour, class_names, guessing, spec, studied
from ui.data_sets import chosen as chosen_data
from ui.expanders import measured, show_source
from ui.finished_charts import drawn, finished
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
    has,
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
from ui.seed_words import seeds_frame, seeds_sentence
from ui.term_colours import coloured, coloured_terms
from ui.train_command import train_command
from ui.uploads import drop_own_picture, own_picture
from ui.widget_state import within

__all__ = [
    "PAGES",
    "Pictures",
    "amortisation",
    "anomalies",
    "anomalous",
    "anomaly_figures",
    "budget",
    "chart",
    "chosen_data",
    "class_colour",
    "class_names",
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
    "finished",
    "foot",
    "guessing",
    "has",
    "layer_panels",
    "layers_frame",
    "measured",
    "measured_runs",
    "metrics",
    "more_pictures",
    "navigation",
    "networks",
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
    "sample_picture",
    "search",
    "search_picture",
    "seeds_frame",
    "seeds_sentence",
    "short",
    "show_source",
    "space_figures",
    "spec",
    "spread_panels",
    "studied",
    "study",
    "thumbnails",
    "tiles",
    "title",
    "train_command",
    "two_views",
    "width",
    "within",
]
