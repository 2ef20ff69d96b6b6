"""Charts: valid specifications, colours bound to names in a fixed order, and the parameters that pages listen to."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from vicreg import charts
from vicreg.config import BASELINES
from vicreg.presets import PRESETS

# Neither these nor the classes, which are in label order, are in the alphabet's.
RUNS = {"cifar10/vicreg, 8 epochs": "#832db6", "cifar10/no-variance, 8 epochs": "#3f90da"}
CLASSES = ["truck", "cat", "dog"]
ANOMALIES = {"other pictures": ["noise"], "left out": CLASSES}
GROUPS = {"test pictures": "#3f90da", "anomalies": "#bd1f01"}
RNG = np.random.default_rng(0)


def history() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "epoch": [0, 1, 1, 2, 2],
            "split": ["test", "train", "test", "train", "test"],
            "variance": [0.5, 0.4, 0.3, 0.2, 0.1],
            "invariance": [0.2, 0.1, 0.1, 0.1, 0.1],
            "covariance": [0.0, 1.0, 1.1, 1.2, 1.3],
            "total": [30.0, 24.0, 19.0, 14.0, 9.0],
        }
    )


def figures() -> pd.DataFrame:
    return pd.DataFrame({"epoch": [0, 1], "knn_accuracy": [0.25, 0.5], "effective_rank": [10.0, 200.0]})


def accuracies() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run": list(RUNS),
            "accuracy": [60.0, 15.0],
            "low": [59.0, 14.0],
            "high": [61.0, 16.0],
            "study": [62.68, np.nan],
        }
    )


def known() -> pd.DataFrame:
    """Accuracies for the digit and for the ink."""
    return pd.concat([accuracies().assign(what=what) for what in ("digit", "ink")], ignore_index=True)


def by_class() -> pd.DataFrame:
    return pd.DataFrame([{"class": c, "run": run, "accuracy": 50.0} for run in RUNS for c in sorted(CLASSES)])


def counts() -> pd.DataFrame:
    table = {("truck", "truck"): 3, ("truck", "cat"): 1, ("cat", "cat"): 4, ("dog", "cat"): 0}
    return pd.DataFrame(
        [{"class": a, "predicted": b, "count": table.get((a, b), 0)} for a in sorted(CLASSES) for b in CLASSES]
    )


def curve() -> pd.DataFrame:
    # straight up, then right, up and right again: by x alone the points at 0 and at 0.5 have no order
    return pd.DataFrame(
        {
            "run": [run for run in RUNS for _ in range(6)],
            "false_positive_rate": [0.0, 0.0, 0.0, 0.5, 0.5, 1.0] * 2,
            "true_positive_rate": [0.0, 0.25, 0.5, 0.5, 1.0, 1.0] * 2,
        }
    )


def spectrum(values: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"dimension": range(1, len(values) + 1), "singular_value": values})


def bins() -> pd.DataFrame:
    return pd.DataFrame([{"group": group, "low": i, "high": i + 1, "share": 0.5} for group in GROUPS for i in range(2)])


def half_square() -> pd.DataFrame:
    """A covariance's upper triangle."""
    return pd.DataFrame({"row": [0, 0, 3], "column": [0, 3, 3], "covariance": [1.0, -0.5, 9.0]})


def by_layer() -> pd.DataFrame:
    layers = ["pixels", "stage 1", "y", "expander 1", "z"]
    figures = {"probe": [20, 40, 90, 80, 70], "probe_low": [19] * 5, "probe_high": [21] * 5}
    return pd.DataFrame({"run": next(iter(RUNS)), "layer": layers, **figures})


CHANCES = {"digit": 10, "ink": 16.7, "paper": 16.7}


def contents() -> pd.DataFrame:
    """What a probe reads at two layers of one run."""
    rows = [
        ("digit", "y", 99),
        ("digit", "z", 93),
        ("ink", "y", 60),
        ("ink", "z", 23),
        ("paper", "y", 90),
        ("paper", "z", 25),
    ]
    frame = pd.DataFrame(rows, columns=["what", "layer", "accuracy"])
    return frame.assign(low=frame["accuracy"] - 1, high=frame["accuracy"] + 1)


def two_scores() -> pd.DataFrame:
    """AUROCs of each run under two scores; those of the first run are equal."""
    rows = [
        (run, score, auroc)
        for run, pair in zip(RUNS, ((1.0, 1.0), (0.9, 0.2)), strict=True)
        for score, auroc in zip(("study", "field"), pair, strict=True)
    ]
    return pd.DataFrame(rows, columns=["run", "score", "auroc"]).assign(short=lambda t: t["run"], low=0.1, high=1.0)


def cells() -> pd.DataFrame:
    """AUROCs of each run in each group of anomalies, but for one that was not measured."""
    rows = [(run, group, name) for run in RUNS for group, names in ANOMALIES.items() for name in names][:-1]
    frame = pd.DataFrame(rows, columns=["run", "group", "name"])
    return frame.assign(auroc=0.6, low=0.5, high=0.7, n_anomalies=500)


# Every public chart by its name, as a function of the width in pixels.
CHARTS = {
    "accuracy_bars": lambda width: charts.accuracy_bars(accuracies(), RUNS, chance=10, width=width),
    "auroc_cells": lambda width: charts.auroc_cells(
        cells(), runs=list(RUNS), columns=ANOMALIES, width=width, upright=width < 700
    ),
    "attribute_bars": lambda width: charts.attribute_bars(known(), RUNS, {"digit": 10, "ink": 50 / 3}, width=width),
    "tight_and_telling": lambda width: charts.tight_and_telling(
        pd.DataFrame({"run": list(RUNS), "silhouette": [0.6, -0.1], "nmi": [0.04, 0.3]}), RUNS, width=width
    ),
    "compared_curves": lambda width: charts.compared_curves(dict.fromkeys(RUNS, history()), RUNS, width=width),
    "covariances": lambda width: charts.covariances(half_square(), title="z", side=width),
    "covariances_beside": lambda width: charts.covariances_beside([("z", half_square(), 1.0)] * 2, side=width // 2),
    "deviations": lambda width: charts.deviations(
        {run: np.array([0.5, 1.0]) for run in RUNS},
        RUNS,
        title="z",
        axis="standard deviation",
        top=2,
        gamma=1.0,
        width=width,
    ),
    "histogram": lambda width: charts.histogram(bins(), 0.7, groups=GROUPS, limits=(0, 2), width=width, title="scores"),
    "layer_contents": lambda width: charts.layer_contents(contents(), "#c3003c", chances=CHANCES, width=width),
    "layer_curves": lambda width: charts.layer_curves(
        by_layer(), RUNS, figure="probe", title="probe", chance=10, width=width
    ),
    "live_terms": lambda width: charts.live_terms(
        pd.DataFrame(
            {
                "step": [1, 2],
                "total": [9.0, 8.0],
                "variance": [1.0, 0.5],
                "invariance": [0.2, 0.1],
                "covariance": [1.0, 2.0],
            }
        ),
        steps=500,
        width=width,
    ),
    "per_class": lambda width: charts.per_class(by_class(), RUNS, CLASSES, width=width),
    "roc": lambda width: charts.roc(curve(), RUNS, side=width),
    "score_pairs": lambda width: charts.score_pairs(two_scores(), RUNS, ("study", "field"), width=width),
    "snapshots": lambda width: charts.snapshots(dict.fromkeys(RUNS, figures()), RUNS, width=width),
    "spectra": lambda width: charts.spectra(dict.fromkeys(RUNS, spectrum([4.0, 2.0, 1.0])), RUNS, width=width),
    "table_of_counts": lambda width: charts.table_of_counts(
        counts(), row="class", column="predicted", rows=CLASSES, columns=CLASSES, side=width, title="counts"
    ),
    "training_curves": lambda width: charts.training_curves(history(), width=width),
}
WIDTHS = (320, 699, 700, 1100)


def nodes(value) -> Iterator[dict]:
    """All objects within a specification, the outer before the inner."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(inner)


def encodings(spec: dict, channel: str, field: str) -> list[dict]:
    """Every encoding of a field by a channel."""
    found = [node["encoding"][channel] for node in nodes(spec) if channel in node.get("encoding", {})]
    return [encoding for encoding in found if encoding.get("field") == field]


def views(spec: dict) -> list[dict]:
    """The panels: what has a width of its own."""
    return [node for node in nodes(spec) if "width" in node]


def data(spec: dict, node: dict) -> list[dict]:
    """The rows that a panel or a layer draws, which may be those of the whole chart."""
    return spec["datasets"][node.get("data", spec.get("data"))["name"]]


def parameters(spec: dict) -> dict[str, dict]:
    return {parameter["name"]: parameter for parameter in spec.get("params", [])}


def test_every_public_chart_is_tried_here():
    drawing = {name for name in charts.__all__ if name.islower()} - {"alt", "panel"}
    assert set(CHARTS) == drawing


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_valid_at_every_width(name):
    for width in (320, 1100):
        spec = CHARTS[name](width).to_dict(validate=width > 700)  # raises SchemaValidationError
        assert all(rows for rows in spec["datasets"].values())  # nothing is drawn empty


@pytest.mark.parametrize("name", ["compared_curves", "snapshots", "training_curves"])
def test_panels_stand_one_above_the_other_where_it_is_narrow_and_keep_to_the_width(name):
    for width in WIDTHS:
        spec = CHARTS[name](width).to_dict()
        sides = [panel["width"] for panel in views(spec)]
        rows = [row for node in nodes(spec) if "hconcat" in node for row in [node["hconcat"]]]
        beside = max((len(row) for row in rows), default=1)
        assert beside == (1 if width < 700 else 2)
        assert min(sides) >= 180
        assert beside * max(sides) <= width


COLOURED = {
    **dict.fromkeys(
        (
            *("accuracy_bars", "attribute_bars", "compared_curves", "per_class", "roc", "snapshots", "spectra"),
            *("score_pairs", "tight_and_telling"),
        ),
        ("run", list(RUNS), list(RUNS.values())),
    ),
    "histogram": ("group", list(GROUPS), list(GROUPS.values())),
}


@pytest.mark.parametrize("name", COLOURED)
def test_colours_are_bound_to_names_in_a_fixed_order_whatever_the_order_of_the_rows(name):
    field, names, colours = COLOURED[name]
    found = encodings(CHARTS[name](800).to_dict(), "color", field)
    assert found
    for colour in found:
        assert colour["scale"] == {"domain": names, "range": colours}
        assert field == "group" or colour["sort"] == names


def test_other_seeds_are_ticks_of_their_run_in_the_panel_that_they_were_measured_for():
    seeds = pd.DataFrame({"what": ["ink", "ink"], "run": [next(iter(RUNS))] * 2, "accuracy": [57.0, 63.0]})
    spec = charts.attribute_bars(known(), RUNS, {"digit": 10, "ink": 16.7}, seeds=seeds).to_dict()
    ticks = [[layer for layer in panel["layer"] if layer["mark"]["type"] == "tick"] for panel in spec["hconcat"]]
    assert [len(one) for one in ticks] == [0, 2]  # one of them a halo
    assert [row["accuracy"] for row in data(spec, ticks[1][0])] == [57.0, 63.0]
    assert ticks[1][0]["encoding"]["y"]["sort"] == list(RUNS)


def test_every_run_has_one_lower_and_one_higher_auroc_to_write_beside_its_dots():
    spec = CHARTS["score_pairs"](400).to_dict()
    rows = pd.DataFrame(next(rows for rows in spec["datasets"].values() if "lower" in rows[0]))
    assert rows.groupby("run")["lower"].sum().tolist() == [1, 1]


def test_every_preset_baseline_and_term_has_a_colour():
    assert set(charts.PRESET_COLOURS) == {*PRESETS, *BASELINES, "vicreg-long"}
    assert set(charts.TERM_COLOURS) == {*charts.TERMS, "total"}
    assert len(charts.CLASS_COLOURS) == 10


def test_training_curves_have_a_panel_a_term_in_its_colour():
    spec = CHARTS["training_curves"](900).to_dict()
    drawn = views(spec)
    assert [panel["title"].split()[0] for panel in drawn] == ["total", *charts.TERMS]
    for term, panel in zip(["total", *charts.TERMS], drawn, strict=True):
        colour = charts.TERM_COLOURS[term]
        assert [layer["mark"].get("color") for layer in panel["layer"]] == [colour, "#888", colour]
        assert [row["value"] for row in data(spec, panel["layer"][0])] == history()[term].tolist()
    names = [f"at_{term}" for term in ("total", *charts.TERMS)]
    assert list(parameters(spec)) == names
    for dash in encodings(spec, "strokeDash", "split"):
        assert dash["scale"] == {"domain": ["train", "test"], "range": [[1, 0], [5, 4]]}


@pytest.mark.parametrize(
    "draw",
    [
        lambda **options: charts.training_curves(history(), **options),
        lambda **options: charts.compared_curves({"one": history()}, {"one": "#832db6"}, **options),
    ],
)
def test_a_value_without_a_logarithm_is_left_out_of_a_logarithmic_panel(draw):
    def covariances(**options: bool) -> list[float]:
        spec = draw(**options).to_dict()
        (panel,) = (p for p in views(spec) if p["title"].startswith("covariance"))
        return [row["value"] for row in data(spec, panel["layer"][0] if "layer" in panel else panel)]

    assert covariances() == [0.0, 1.0, 1.1, 1.2, 1.3]
    assert covariances(log=True) == [1.0, 1.1, 1.2, 1.3]
    scales = [entry["scale"].get("type") for entry in encodings(draw(log=True).to_dict(), "y", "value")]
    assert set(scales) == {"log"}


def test_a_history_of_one_split_names_no_other():
    train = history().query("split == 'train'")
    spec = charts.training_curves(train).to_dict()
    hovered = {entry["field"] for node in nodes(spec) for entry in node.get("encoding", {}).get("tooltip", [])}
    assert hovered == {"epoch", "train"}


def test_snapshots_show_percentages_and_one_run_needs_no_legend():
    spec = charts.snapshots({"one": figures()}, {"one": "#832db6"}).to_dict()
    knn, _ = spec["hconcat"]
    assert [row[knn["encoding"]["y"]["field"]] for row in data(spec, knn)] == [25.0, 50.0]
    assert all(colour["legend"] is None for colour in encodings(spec, "color", "run"))
    both = CHARTS["snapshots"](800).to_dict()
    assert all(colour["legend"] is not None for colour in encodings(both, "color", "run"))


def test_spectra_are_shares_of_their_largest_without_unused_directions():
    one, other = RUNS
    spec = charts.spectra({one: spectrum([4.0, 2.0, 0.0]), other: spectrum([10.0, 1.0, 1e-6])}, RUNS).to_dict()
    rows = [(row["run"], row["dimension"], row["share"]) for row in data(spec, spec)]
    assert rows == [(one, 1, 1.0), (one, 2, 0.5), (other, 1, 1.0), (other, 2, 0.1)]
    collapsed = charts.spectra({one: spectrum([0.0, 0.0]), other: spectrum([1.0, 1.0])}, RUNS).to_dict()
    assert {row["run"] for row in data(collapsed, collapsed)} == {other}


def test_bars_carry_interval_and_the_studys_mark_only_where_it_has_a_figure():
    spec = charts.accuracy_bars(accuracies(), RUNS, chance=10).to_dict()
    bars, _, interval, _, study, guess = spec["layer"]
    assert bars["encoding"]["y"]["sort"] == list(RUNS)
    assert (interval["encoding"]["x"]["field"], interval["encoding"]["x2"]["field"]) == ("low", "high")
    assert study["transform"] == [{"filter": "isValid(datum.study)"}]
    assert [row["study"] for row in data(spec, study)] == [62.68, None]  # NaN has no place in JSON
    assert data(spec, guess) == [{"x": 10}]


def test_each_attribute_has_a_panel_with_its_own_chance_and_names_beside_the_first_only():
    spec = CHARTS["attribute_bars"](600).to_dict()
    first, second = spec["hconcat"]
    assert [panel["title"] for panel in (first, second)] == ["digit", "ink"]
    for panel, chance in ((first, 10), (second, 50 / 3)):
        *_, guess = panel["layer"]
        assert data(spec, guess) == [{"x": chance}]
        assert {row["what"] for row in data(spec, panel["layer"][0])} == {panel["title"]}
    assert "labelLimit" in first["layer"][0]["encoding"]["y"]["axis"]
    assert second["layer"][0]["encoding"]["y"]["axis"] is None
    stacked = CHARTS["attribute_bars"](200).to_dict()["vconcat"]
    assert all(panel["layer"][0]["encoding"]["y"]["axis"] for panel in stacked)


def test_rows_of_classes_stand_in_label_order():
    spec = CHARTS["per_class"](700).to_dict()
    assert all(entry["sort"] == CLASSES for entry in encodings(spec, "y", "class"))
    span = spec["layer"][0]
    assert span["encoding"]["detail"]["field"] == "class"


def test_a_click_on_a_cell_chooses_its_row_and_its_column():
    spec = CHARTS["table_of_counts"](460).to_dict()
    assert list(parameters(spec)) == ["cell"]
    assert parameters(spec)["cell"]["select"] == {"type": "point", "fields": ["class", "predicted"]}
    assert spec["layer"][0]["encoding"]["opacity"]["condition"]["param"] == "cell"
    for entry in (*encodings(spec, "x", "predicted"), *encodings(spec, "y", "class")):
        assert entry["sort"] == CLASSES


def test_the_shade_of_a_cell_is_its_share_of_the_row():
    spec = CHARTS["table_of_counts"](460).to_dict()
    shares = {(row["class"], row["predicted"]): row["share"] for row in data(spec, spec["layer"][0])}
    assert shares["truck", "truck"] == 0.75
    assert shares["truck", "cat"] == 0.25
    assert shares["cat", "cat"] == 1
    assert all(shares["dog", name] == 0 for name in CLASSES)  # a row without any image has shares all the same
    (shade,) = encodings(spec, "color", "share")
    assert shade["scale"]["domain"] == [0, 1]


def test_a_roc_curve_is_drawn_in_the_order_of_its_points():
    spec = CHARTS["roc"](380).to_dict()
    (line,) = (layer for layer in spec["layer"] if "order" in layer["encoding"])
    assert line["encoding"]["order"]["field"] == "order"
    (step,) = line["transform"][0]["window"]
    assert (step["op"], step["as"]) == ("row_number", "order")
    drawn = pd.DataFrame(data(spec, line))
    pd.testing.assert_frame_equal(drawn, curve(), check_dtype=False)


def test_the_threshold_is_a_rule_across_the_histogram():
    spec = CHARTS["histogram"](400).to_dict()
    bars, rule = spec["layer"]
    assert data(spec, rule) == [{"x": 0.7}]
    assert (bars["encoding"]["x"]["field"], bars["encoding"]["x2"]["field"]) == ("low", "high")
    assert bars["encoding"]["x"]["scale"] == {"domain": [0, 2], "nice": False}
    assert bars["encoding"]["y"]["stack"] is None  # groups lie one over the other, each from zero


@pytest.mark.parametrize(("own", "drawn"), [(0.4, 0.4), (9.0, 2), (-1.0, 0)])
def test_a_visitors_score_is_marked_and_at_the_edge_where_it_lies_beyond(own, drawn):
    spec = charts.histogram(bins(), 0.7, groups=GROUPS, limits=(0, 2), own=own).to_dict()
    *_, arrow, words = spec["layer"]
    assert data(spec, arrow) == data(spec, words) == [{"x": drawn, "words": "yours"}]


def test_drawing_leaves_the_frame_alone():
    table = counts()
    kept = table.copy()
    charts.table_of_counts(table, row="class", column="predicted", rows=CLASSES, columns=CLASSES).to_dict()
    pd.testing.assert_frame_equal(table, kept)


def test_live_curves_grow_into_panels_that_are_as_wide_as_the_whole_training():
    frame = pd.DataFrame({"step": [1, 2], **dict.fromkeys(("total", "variance", "invariance", "covariance"), 1.0)})
    spec = charts.live_terms(frame, steps=480).to_dict()
    (row,) = spec["vconcat"]
    assert [panel["encoding"]["x"]["scale"]["domain"] for panel in row["hconcat"]] == 4 * [[0, 480]]
    _, variance, *_ = [panel["encoding"]["y"]["scale"] for panel in row["hconcat"]]
    assert variance["domain"] == [0, 1.0]
    assert all(panel["encoding"]["y"]["scale"]["zero"] for panel in row["hconcat"])
    spec = charts.snapshots({"one": figures()}, {"one": "#832db6"}, epochs=40).to_dict()
    assert [panel["encoding"]["x"]["scale"]["domain"] for panel in spec["hconcat"]] == 2 * [[0, 40]]


def test_silhouettes_stand_beside_what_the_clusters_tell_on_axes_that_hold_zero():
    panels = CHARTS["tight_and_telling"](600).to_dict()["hconcat"]
    for panel, field in zip(panels, ("silhouette", "nmi"), strict=True):
        low, high = next(iter(encodings(panel, "x", field)))["scale"]["domain"]
        assert low < -0.1 if field == "silhouette" else low == 0  # the least silhouette here is -0.1
        assert high > 0.6
    assert "vconcat" in CHARTS["tight_and_telling"](300).to_dict()


def test_a_covariance_square_is_whole_and_has_the_terms_colours():
    spec = charts.covariances(half_square(), title="z").to_dict()
    cells = {(c["row"], c["column"]): (c["strength"], c["part"]) for c in next(iter(spec["datasets"].values()))}
    assert cells == {
        **{(0, 0): (1, "variance"), (3, 3): (1, "variance")},
        **{(0, 3): (0.5, "covariance"), (3, 0): (0.5, "covariance")},
    }
    colours = spec["encoding"]["color"]["scale"]
    assert [charts.TERM_COLOURS[part] for part in colours["domain"]] == colours["range"]


def test_what_comes_after_y_is_thrown_away_and_percentages_have_one_axis():
    spec = charts.layer_curves(by_layer(), RUNS, figure="probe", title="probe", chance=10, width=500).to_dict()
    assert spec["layer"][0]["encoding"]["x"] == {"value": 300}  # the last two fifths
    assert spec["layer"][-1]["encoding"]["x"]["sort"] == by_layer()["layer"].tolist()
    assert spec["layer"][-1]["encoding"]["y"]["scale"]["domain"] == [0, 100]


def test_what_a_probe_reads_is_named_with_its_share_at_the_last_layer():
    spec = charts.layer_contents(contents(), "#c3003c", chances=CHANCES, width=500).to_dict()
    names = {row["says"]: row["at"] for rows in spec["datasets"].values() for row in rows if "says" in row}
    assert names == {"ink 23 %": 23, "paper 25 %": 30, "digit 93 %": 93}  # one line apart
    guesses = [row["chance"] for rows in spec["datasets"].values() for row in rows if "chance" in row]
    assert guesses == [10, 16.7]


def test_a_run_behind_a_live_one_is_dashed_and_fits_on_its_axes():
    live = pd.DataFrame({"step": [1, 2], "total": [40.0, 39.0], **{term: [0.5, 0.4] for term in charts.TERMS}})
    behind = pd.DataFrame({"step": [20, 60], "total": [41.0, 30.0], **{term: [1.5, 0.2] for term in charts.TERMS}})
    for frame in (live, live[:0]):  # before the first step, too
        spec = charts.live_terms(frame, steps=80, behind=behind).to_dict()
        panels = [panel for row in spec["vconcat"] for panel in row["hconcat"]]
        (variance,) = [panel for panel in panels if panel["title"]["text"].startswith("variance")]
        ghost, line = variance["layer"]
        assert ghost["mark"]["strokeDash"]
        assert "strokeDash" not in line["mark"]
        assert {one["encoding"]["y"]["scale"]["domain"][1] for one in variance["layer"]} == {1.5}
