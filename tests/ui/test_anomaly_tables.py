"""The tables of the anomalies page, on bundled runs."""

from ui.anomaly_tables import PAIR, auroc_cells, ranking, score_pairs, scores_of, short_title
from vicreg.evaluation.anomaly_score import KNOWN
from vicreg.runs.folder import open_run
from vicreg.storage.paths import BUNDLED


def runs():
    return {name: open_run(BUNDLED / f"cifar10-{name}") for name in ("untrained", "vicreg")}


def test_pairs_and_cells_are_the_runs_figures_and_words_tell_them():
    pairs = score_pairs(runs())
    assert len(pairs.table) == 4
    first = KNOWN[PAIR[0]]
    cells = auroc_cells(runs(), first, shown=[short_title(runs()["vicreg"])])
    for name, run in runs().items():
        auroc = run.metrics["anomaly"][PAIR[0]]["auroc"]
        row = pairs.table[(pairs.table["run"] == name) & (pairs.table["score"] == PAIR[0])]
        assert row["auroc"].item() == auroc
        assert f"{PAIR[0]} {auroc:.3f}" in pairs.words
        cell = cells.table[(cells.table["run"] == short_title(run)) & (cells.table["name"] == "MNIST")]
        assert list(cell["auroc"]) == ([auroc] if name == "vicreg" else [])
    assert set(cells.table["name"]) <= {name for names in cells.columns.values() for name in names}


def test_a_ranking_starts_at_the_highest_score_and_can_leave_the_anomalies_out():
    run, scoring = runs()["vicreg"], next(iter(KNOWN.values()))
    everything, normal = (ranking(run, scoring, with_anomalies=chosen) for chosen in (True, False))
    assert everything["score"].is_monotonic_decreasing
    assert len(everything) == len(scores_of(run, scoring))
    assert set(normal["index"]) == set(everything.loc[~everything["anomaly"], "index"])
    assert not normal["anomaly"].any()
