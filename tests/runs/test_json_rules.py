"""Runs that anybody may have written: what pages read is there, in range and plain, or a sentence says what is not."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vicreg.claims import findings
from vicreg.data.catalogue import CATALOGUE
from vicreg.evaluation.report import QUICK, SECTIONS
from vicreg.presets import PRESETS
from vicreg.runs.errors import RunError
from vicreg.runs.folder import open_run
from vicreg.runs.json_rules import ALWAYS, MAX_JSON_BYTES, check_metrics, measured, parse_json, read_file
from vicreg.storage import paths
from vicreg.storage.untrusted import plain, shown

CLASSES = CATALOGUE["cifar10"].classes


def read(name: str, file: str) -> dict[str, Any]:
    return json.loads((paths.BUNDLED / name / file).read_text())


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The path of everything inside a JSON value; of a list the first entry only."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield (*path, key)
            yield from places(entry, (*path, key))
    elif isinstance(value, list):
        for position, entry in enumerate(value[:1]):
            yield (*path, position)
            yield from places(entry, (*path, position))


def without(value: Any, path: tuple) -> Any:
    inside = value
    for key in path[:-1]:
        inside = inside[key]
    inside = inside.copy()
    del inside[path[-1]]
    return replaced(value, path[:-1], inside)


def replaced(value: Any, path: tuple, new: Any) -> Any:
    """A copy of a JSON value, with something else at a path; what the path does not touch is shared."""
    if not path:
        return new
    changed = value.copy()
    changed[path[0]] = replaced(value[path[0]], path[1:], new) if path[1:] else new
    return changed


OTHERS = (None, True, -1, 10**400, math.nan, "![x](//evil.example/x.png)", [], [1, 2], ["a", "b"], {}, {"<b>": {}})


@pytest.mark.parametrize("section", ["projection", "anomaly", "clusters"])
def test_sections_that_pages_ask_for_first_may_be_absent(section):
    metrics = without(read("cifar10-vicreg", "metrics.json"), (section,))
    check_metrics(metrics, name="x", classes=10)
    read_as_pages_do(metrics, "")


@pytest.mark.parametrize("section", ["probe", "knn", "spectrum", "retrieval", "sources"])
def test_sections_that_runs_are_compared_by_must_be_there(section):
    with pytest.raises(RunError, match=rf"x/metrics.json is not valid: {section} is missing; `python -m vicreg eval"):
        check_metrics(without(read("cifar10-vicreg", "metrics.json"), (section,)), name="x", classes=10)


def test_unknown_sections_and_keys_are_let_through_while_they_are_plain():
    metrics = read("cifar10-vicreg", "metrics.json")
    check_metrics({**metrics, "later": {"deep": [1, {"a": "plain words"}]}}, name="x")
    check_metrics(replaced(metrics, ("probe", "later"), {"a": 1}), name="x")
    for bad in ("[a](b)", math.nan, ["x" * 1_001], {"<": 1}, [1] * 60_000):
        with pytest.raises(RunError, match=r"x/metrics\.json is not valid"):
            check_metrics({**metrics, "later": bad}, name="x")


def test_probes_of_attributes_are_checked_like_the_probe():
    metrics = read("cifar10-vicreg", "metrics.json")
    ink = {
        "accuracy": 90.0,
        "interval": [89.0, 91.0],
        "n": 2_000,
        "protocol": "a probe, for ink: red, blue",
        "chance": 16.7,
        "nearest_5_same": 20.0,
        "nearest_5_interval": [19.0, 21.0],
    }
    check_metrics({**metrics, "attributes": {"ink": ink}}, name="x")
    for key in ink:
        with pytest.raises(RunError, match=rf"attributes\.ink\.{key} is missing"):
            check_metrics({**metrics, "attributes": {"ink": without(ink, (key,))}}, name="x")


def read_as_pages_do(metrics: dict[str, Any], baseline: str) -> None:
    """Everything that pages, the command line and the model card read of figures, as they read it."""
    from vicreg.cli.list_runs import figures_of
    from vicreg.evaluation.anomaly_score import FIELD
    from vicreg.runs import seeds
    from vicreg.runs.readme_tables import run_table
    from vicreg.runs.run_card import model_card

    findings(dict.fromkeys([*PRESETS, "vicreg-long", "untrained", "pixels", "laplacian"], metrics))
    if not metrics:
        return
    run = SimpleNamespace(name="x", metrics=metrics, baseline=baseline, config=PRESETS["vicreg"])
    figures_of(run)
    run_table("spaces", [run])
    seeds.figures(metrics)
    model_card(PRESETS["vicreg"], read("cifar10-vicreg", "config.json"), metrics, name="x")
    probe, pictures = metrics["probe"], [None] * measured(metrics).images
    [f"{' and '.join(pair['classes'])} {pair['share']:.2f}" for pair in probe.get("confused", [])]
    [f"{name} {value:.2f}" for name, value in probe["per_class"].items()]
    retrieval = metrics["retrieval"]
    f"{retrieval['nearest_5_same_class']:.2f}" + retrieval.get("protocol", "")
    if "hubness" in retrieval:
        low, high = retrieval["interval"]
        f"{low:.2f} {high:.2f}" + "".join(f"{v:.2f}" for v in retrieval["per_class"].values())
        for metric in ("cosine", "euclidean"):
            hubness = retrieval["hubness"]
            f"{hubness[metric]['farthest']:.2f} {hubness['by_chance']:.2f}"
            [(pictures[h["index"]], f"{h['lists']:,} {h['classes']}") for h in hubness[metric]["hubs"]]
        if colour := retrieval.get("colour"):
            f"{colour['distance_ratio']:.2f} {colour['r2']:.2f}"
    if "sample" in retrieval:
        both = zip(retrieval["sample"]["queries"], retrieval["sample"]["same_class"], strict=True)
        [(pictures[i], f"{same} of 5") for i, same in both]
    if maps := metrics.get("projection"):
        for kind in ("pca", "tsne"):
            f"{maps[kind]['knn_accuracy']:.2f} {maps[kind]['neighbours_kept']:.2f}"
        f"{maps['full']['knn_accuracy']:.2f} {100 * sum(maps['pca']['explained_variance']):.2f} {maps['protocol']}"
    if baseline == "laplacian":
        f"{metrics['projection']['laplacian']['knn_accuracy']:.2f}"
        f"{metrics['projection']['laplacian']['neighbours_kept']:.2f}"
    if anomaly := metrics.get("anomaly"):
        f"{anomaly['protocol']} {anomaly['n']:,} {anomaly['n_anomalies']:,}"
        for name in ("study", "field"):
            setting = anomaly[name]
            if anomaly["n_anomalies"] and setting["column"] in (FIELD.column, "mean_2"):
                low, high = tuple(setting["interval"])
                f"{setting['auroc']:.3f} {low:.3f} {high:.3f} {100 * setting['fpr_at_95_tpr']:.2f}"
    if clusters := metrics.get("clusters"):
        names = [f"{i}: {CLASSES[label] if label >= 0 else 'no class'}" for i, label in enumerate(clusters["matching"])]
        assert names[0]
        low, high = clusters["interval"]
        f"{clusters['accuracy']:.2f} {low:.2f} {high:.2f} {clusters['n']:,} {clusters['protocol']}"
        f"{clusters['nmi']:.2f} {clusters['ari']:.2f} {clusters['silhouette']:.2f}"
    for entry in metrics.get("attributes", {}).values():
        "{:.2f} {:.2f}".format(*entry["interval"]) + f"{entry['accuracy']:.2f} {entry['chance']:.2f}"


def new_places(*values: Any) -> Iterator[tuple[Any, tuple]]:
    """Each value with its own places, but for those that a value before it has."""
    seen: set[tuple] = set()
    for value in values:
        own = set(places(value)) - seen
        yield from ((value, path) for path in places(value) if path in own)
        seen |= own


@pytest.mark.fault(
    "a metrics.json with any key missing, or any value of another kind", "a sentence, or a page without that figure"
)
def test_figures_with_anything_missing_or_wrong_are_refused_or_still_read():
    baselines = {"": read("cifar10-vicreg", "metrics.json"), "laplacian": read("cifar10-laplacian", "metrics.json")}
    refused = kept = 0
    for metrics, path in new_places(*baselines.values()):
        baseline = "laplacian" if metrics is baselines["laplacian"] else ""
        for changed in (without(metrics, path), *(replaced(metrics, path, new) for new in OTHERS)):
            try:
                check_metrics(changed, name="x", classes=10, baseline=baseline)
            except RunError as error:
                assert plain(str(error).replace("`", ""), most=2_000), error  # noqa: PT017
                refused += 1
            else:
                read_as_pages_do(changed, baseline)
                kept += 1
    assert refused > 2_000
    assert kept > 100


def read_record_as_pages_do(record: dict[str, Any]) -> None:
    from vicreg.config import Config
    from vicreg.runs.run_card import described, model_card

    config = Config.from_dict(record["config"])
    model_card(config, record, read("cifar10-vicreg", "metrics.json"), name="x")
    f"{record['epochs']} {record['seconds'] / 60:.0f} {record['device']} {record['data']['train']['images']:,}"
    sum(entry["bytes"] for entry in record["files"].values())
    sorted((name, entry["sha256"]) for name, entry in record["files"].items())
    if baseline := record.get("baseline"):
        described(baseline)
        if baseline["name"] == "laplacian":
            f"{baseline['images']:,} {baseline['neighbours']}"
    if timing := record.get("timing"):
        encoder = timing.get("encoder")
        for seconds in (encoder, timing["rule"], timing["fit"]):
            f"{1000 * (seconds or 0):.1f}" + (f"{seconds / encoder:,.0f} {timing['encoder_run']}" if encoder else "")


@pytest.mark.fault(
    "a config.json with any key missing, or any value of another kind", "a sentence, or a page without that entry"
)
def test_a_record_with_anything_missing_or_wrong_is_refused_or_still_read(tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    refused = kept = 0
    for record, path in new_places(
        *(read(f"cifar10-{name}", "config.json") for name in ("neighbour-views", "laplacian"))
    ):
        for changed in (without(record, path), *(replaced(record, path, new) for new in OTHERS)):
            (folder / "config.json").write_text(json.dumps(changed))
            try:
                run = open_run(folder)
            except RunError as error:
                assert plain(re.sub("[`<{}]", "", str(error)), most=2_000), error  # noqa: PT017
                refused += 1
            else:
                read_record_as_pages_do(run.record)
                assert len(run.weights_sha256) == 64
                assert isinstance(run.numbering, str)
                kept += 1
    assert refused > 1_000
    assert kept > 50


@pytest.mark.parametrize(
    "text",
    [
        *(
            "CPU, 2 threads, x86_64",
            "NVIDIA A100-SXM4-80GB MIG 1g.10gb",
            "2.14.1+cu128",
            "95 % interval; k = 20 (R2: of *)",
        ),
        *(
            "uoft-cs/cifar10/plain_text/test-00000-of-00001.parquet",
            "",
            "a colon at the end:",
            "kth_50_unit",
            "R² = 0.5",
        ),
    ],
)
def test_what_runs_write_is_plain(text):
    assert plain(text)


@pytest.mark.parametrize(
    "text",
    [
        *("[a](https://evil.example)", "![a](x.png)", "<img src=x>", "https://evil.example", "www.evil.example"),
        *("WWW.evil.example", "me@evil.example", "a `code`", "$x^2$", "| a | b |", "\\(x\\)", "{.class}"),
        *(":material/delete:", ":red[x]", ":smile:", "a:red-background", "https&#58;//evil.example", "&lt;b&gt;"),
        *("two\nlines", "a\x00b", "\u202eevil", "\ud800", "a\u200bb", "x" * 1_001),
    ],
)
def test_what_markdown_would_read_is_not(text):
    assert not plain(text)
    assert plain(shown(text))


def test_deep_large_and_broken_json_is_named(tmp_path):
    path = tmp_path / "metrics.json"
    for content, words in (
        (b"[" * 100_000, "nested too deeply"),
        (b" " * (MAX_JSON_BYTES + 1), "2,000,001 bytes, but at most 2,000,000"),
        (b'{"a": ', "Expecting value"),
        (b"\xff\xfe\xfa", "cannot be read"),
    ):
        path.write_bytes(content)
        with pytest.raises(RunError, match=rf"x/metrics\.json cannot be read.*{words}.*download or train|{words}"):
            parse_json(read_file(path, run="x"), file=path.name, run="x")


@pytest.mark.parametrize(
    ("run", "key", "value", "words"),
    [
        ("vicreg", "epochs", 10_001, "epochs must be at most 10,000"),
        ("vicreg", "batch_size", 65_537, "batch_size must be at most 65,536"),
        ("vicreg", "warmup_steps", 10_000_001, "warmup_steps must be at most 10,000,000"),
        ("vicreg", "preset", "../x", "preset must be a plain name"),
        ("vicreg", "expander", [1024, 1024, 16_385], "expander must be at most 16,384 wide"),
        # no file backs a baseline's width
        ("untrained", "expander", [8, 8, 4_097], r"config\.expander\.2 must be a whole number from 1 to 4,096"),
    ],
)
def test_a_config_out_of_bounds_is_refused(run, key, value, words, tmp_path):
    record = replaced(read(f"cifar10-{run}", "config.json"), ("config", key), value)
    (tmp_path / "config.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match=words):
        open_run(tmp_path)


def test_another_schema_is_named_before_anything_else_is_looked_at(tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"schema": 2, "quite": "[other](things)"}))
    with pytest.raises(RunError, match="has schema 2, but this version of the app reads schema 1"):
        open_run(tmp_path)


def test_the_short_evaluation_measures_all_that_every_run_must_have():
    assert set(ALWAYS) - {"sources"} <= set(QUICK) <= set(SECTIONS)


@pytest.mark.parametrize("change", [{"spaces": {"z": None}}, {"map_choices": {"neighbours": 20}}])
def test_what_a_page_looks_up_in_a_networks_figures_must_be_there(change):
    metrics = read("cifar10-vicreg", "metrics.json")
    ((section, fields),) = change.items()
    changed = {name: value for name, value in {**metrics[section], **fields}.items() if value is not None}
    with pytest.raises(RunError, match=f"{section}.{next(iter(fields))}"):
        check_metrics({**metrics, section: changed}, name="x")
