"""The rules for a run's config.json and metrics.json, checked before a page uses them.

Anybody can make a run's folder. A missing key, text instead of a number, or a row beyond the last picture must give one
clear sentence, never a traceback. Everything that this version writes passes. Keys without a rule may be any JSON of limited
size (`vicreg.storage.untrusted`). `vicreg.runs.result_table_checks` has the rules for tables.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from vicreg.config import MOST, PRECISIONS
from vicreg.evaluation.anomaly_score import KNOWN
from vicreg.evaluation.map_settings import NEIGHBOURS
from vicreg.storage.files import NOT_FETCHED, is_lfs_pointer
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import CONFIG_FILE, METRICS_FILE
from vicreg.storage.untrusted import (
    LARGEST,
    fields,
    interval,
    listed,
    mapped,
    not_negative,
    number,
    one_of,
    plain_json,
    sha256,
    shown,
    text,
    whole,
)

MAX_JSON_BYTES = 2_000_000
MAX_FILES = 200
BASELINE_WIDTH = 4_096  # maximum width of a baseline's expander; it has no weights file whose size would limit it
# Pages compare runs by these sections, so every evaluated run must have them.
ALWAYS = ("sources", "probe", "knn", "spectrum", "retrieval")


@dataclass(frozen=True)
class Measured:
    """The numbers of test images, anomalies and clusters of a run; None if its metrics do not say."""

    images: int | None = None
    anomalies: int | None = None
    clusters: int | None = None


def read_file(path: Path, *, run: str) -> bytes:
    """Read a JSON file of a run. Raises RunError if it is too large, or a Git LFS pointer."""
    from vicreg.runs.errors import RunError

    size = path.stat().st_size
    if size > MAX_JSON_BYTES:
        problem = f"it has {size:,} bytes, but at most {MAX_JSON_BYTES:,} are allowed"
        raise RunError(f"{run}/{path.name} cannot be read: {problem}; download or train the run again")
    if is_lfs_pointer(path):
        raise RunError(f"{run}/{path.name} {NOT_FETCHED}")
    return path.read_bytes()


def parse_json(content: bytes, *, file: str, run: str) -> JsonObject:
    """The contents of a JSON file of a run. Raises RunError if it is nested too deeply, or not JSON."""
    from vicreg.runs.errors import RunError

    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        problem = "it is nested too deeply" if isinstance(error, RecursionError) else shown(str(error)).strip("'")
        raise RunError(f"{run}/{file} cannot be read: {problem}; download or train the run again") from error


def check_record(record: object, *, name: str) -> None:
    """Check config.json, except its `config`, which `Config.from_dict` checks. name: of the run.

    Raises RunError, naming the first key that is missing or wrong.
    """
    try:
        plain_json(record)
        _RECORD("", record)
        assert isinstance(record, dict)
        baseline = record.get("baseline", {}).get("name", "")
        if baseline:
            _BASELINES[baseline]("baseline", record["baseline"])
            expander = record["config"].get("expander", [])
            listed(whole(1, BASELINE_WIDTH))("config.expander", expander)
    except ValueError as error:
        from vicreg.runs.errors import RunError

        raise RunError(f"{name}/{CONFIG_FILE} is not valid: {error}; download or train the run again") from error


def check_metrics(metrics: object, *, name: str, classes: int | None = None, baseline: str = "") -> None:
    """Check metrics.json. name: of the run. classes: number of classes of its data set. baseline: its name, or empty.

    An empty object means a run that was not evaluated. Otherwise the sections in ALWAYS are required, the others optional.
    Raises RunError, naming the first key that is missing or wrong.
    """
    try:
        plain_json(metrics)
        fields({})("", metrics)
        assert isinstance(metrics, dict)
        if metrics:
            fields({section: _SECTIONS[section] for section in ALWAYS}, _SECTIONS)("", metrics)
            _agree(metrics)
            if classes is not None and any(i >= classes for i in metrics.get("clusters", {}).get("matching", [])):
                raise ValueError(f"clusters.matching must be labels of {classes} classes")
            if baseline in ("", "untrained") and "spaces" in metrics:
                fields({"z": _SPACE})("spaces", metrics["spaces"])
            if baseline == "laplacian":
                fields({"projection": fields({"laplacian": _MAP})})("", metrics)
    except ValueError as error:
        from vicreg.runs.errors import RunError

        raise RunError(
            f"{name}/{METRICS_FILE} is not valid: {error}; `python -m vicreg evaluate {name}` rebuilds it"
        ) from error


def measured(metrics: JsonObject) -> Measured:
    """What metrics that passed `check_metrics` say about the sizes of the run's tables."""
    if not metrics:
        return Measured()
    return Measured(
        images=metrics["probe"]["n"],
        anomalies=metrics["anomaly"]["n_anomalies"] if "anomaly" in metrics else None,
        clusters=len(metrics["clusters"]["matching"]) if "clusters" in metrics else None,
    )


def _agree(metrics: JsonObject) -> None:
    """Check that all sections have the same number of test images: pages look up rows of one section in others."""
    images = metrics["probe"]["n"]
    for section in ("knn", "spectrum", "retrieval", "projection", "anomaly", "clusters", "spaces", "layers"):
        n = metrics.get(section, {}).get("n", images)
        if n != images:
            raise ValueError(f"{section}.n is {n:,} where probe.n is {images:,}")


def _timing(path: str, value: object) -> None:
    fields({"fit": not_negative, "rule": not_negative}, {"encoder": not_negative})(path, value)
    assert isinstance(value, dict)
    if "encoder" in value:
        fields({"encoder_run": text})(path, value)


def _confused(path: str, value: object) -> None:
    pair = fields({"classes": listed(text, least=2, most=2), "share": number, "interval": interval})
    listed(pair)(path, value)
    assert isinstance(value, list)
    # Claims compare two pairs with the rest. C classes have 0, 1, 3 or more different pairs.
    if len({frozenset(entry["classes"]) for entry in value}) < len(value) or len(value) == 2:
        raise ValueError(f"{path} must be different pairs of classes: at most one, or at least three")


def _retrieval(path: str, value: object) -> None:
    fields({"n": whole(1)})(path, value)
    assert isinstance(value, dict)
    row = whole(0, value["n"] - 1)
    hub = fields({"index": row, "lists": whole(), "classes": whole()})
    hubs = fields({"farthest": number, "hubs": listed(hub, least=1, most=100)})
    fields(
        {"nearest_5_same_class": number, "interval": interval, "per_class": mapped(number), "protocol": text},
        {
            "sample": fields({"queries": listed(row, most=100), "same_class": listed(whole(), most=100)}),
            "hubness": fields({"cosine": hubs, "euclidean": hubs, "by_chance": number}, {"centred_cosine": number}),
            "colour": fields({"distance_ratio": number, "interval": interval, "r2": number, "protocol": text}),
        },
    )(path, value)
    if "sample" in value and len(value["sample"]["queries"]) != len(value["sample"]["same_class"]):
        raise ValueError(f"{path}.sample must have one number of matches per query")


def _projection(path: str, value: object) -> None:
    everywhere = fields({"knn_accuracy": number, "interval": interval})
    fields({"full": everywhere, "pca": _MAP, "tsne": _MAP, "n": whole(1), "protocol": text}, {"laplacian": _MAP})(
        path, value
    )
    assert isinstance(value, dict)
    fields({"explained_variance": listed(number)})(f"{path}.pca", value["pca"])


def _anomaly(path: str, value: object) -> None:
    fields({"n": whole(1), "n_anomalies": whole(), "protocol": text})(path, value)
    assert isinstance(value, dict)
    row = whole(0, value["n"] + value["n_anomalies"] - 1)
    curve = {"auroc": number, "interval": interval, "fpr_at_95_tpr": number}
    setting = fields(
        {"column": text, "most": listed(row), **(curve if value["n_anomalies"] else {})}, {"alike": number, **curve}
    )
    fields(dict.fromkeys(KNOWN, setting))(path, value)


_BANKED = fields(
    {"rank_correlation": number, "place": not_negative, "place_95": not_negative},
    {"auroc": number, "auroc_exact": number},
)
_SETS = fields(
    {"sets": mapped(whole(1)), "n": whole(1), "mean_left_out": mapped(number), "protocol": text},
    {
        "bank": fields(
            {
                **{"rows": whole(1), "dimensions": whole(1), "of": whole(1), "step": not_negative, "protocol": text},
                **dict.fromkeys(KNOWN, _BANKED),
            }
        )
    },
)


def _layers(path: str, value: object) -> None:
    fields({"layers": listed(_LAYER, least=2, most=100), "n": whole(1), "n_train": whole(1), "protocol": text})(
        path, value
    )
    assert isinstance(value, dict)
    names = [layer["name"] for layer in value["layers"]]
    if len(set(names)) < len(names) or not {"y", "z"} <= set(names):
        raise ValueError(f"{path}.layers must have different names, y and z among them")


_SOURCE = {"source": text, "file": text, "sha256": sha256}
_SPLIT = fields({**_SOURCE, "images": whole(1)})
_ACCURACY = {"accuracy": number, "interval": interval, "n": whole(1), "protocol": text}
_MAP = fields({"knn_accuracy": number, "interval": interval, "neighbours_kept": number})

_RECORD = fields(
    {
        "schema": whole(),
        "config": fields({}),
        "data": fields({"train": _SPLIT, "test": _SPLIT}),
        "device": text,
        "epochs": whole(0, MOST["epochs"]),
        "seconds": not_negative,
        "seed": whole(-LARGEST),
        "versions": mapped(text),
        "files": mapped(fields({"sha256": sha256, "bytes": whole()}), most=MAX_FILES),
    },
    {
        "baseline": fields({"name": one_of("untrained", "pixels", "laplacian")}),
        "neighbours": fields({"run": text, "weights_sha256": sha256, "nearest": whole(1), "metric": text}),
        "timing": _timing,
        "precision": one_of(*PRECISIONS),
    },
)
_BASELINES = {
    "untrained": fields({}),
    "pixels": fields({"dimensions": whole(1, 10_000)}),
    "laplacian": fields({"dimensions": whole(1, 10_000), "images": whole(1, 1_000_000), "neighbours": whole(1, 1_000)}),
}
_SHARE = fields({"accuracy": number, "interval": interval})
_SPACE = fields(
    {
        "dimensions": whole(1),
        "std": fields({"least": not_negative, "median": not_negative, "most": not_negative}),
        "effective_rank": not_negative,
        **dict.fromkeys(("probe", "knn", "study_probe"), _SHARE),
    },
    {"typical_std": not_negative},  # runs measured by earlier versions lack it
)
_LAYER = fields(
    {
        **{"name": text, "dimensions": whole(1), "probe": _SHARE},
        "nearest_5_same_class": fields({"share": number, "interval": interval}),
        **{"effective_rank": not_negative, "rankme": not_negative},
    },
    {"attributes": mapped(_SHARE)},
)
_ATTRIBUTE = {**_ACCURACY, "chance": number, "nearest_5_same": number, "nearest_5_interval": interval}
_SECTIONS = {
    "sources": fields(
        {"train": fields(_SOURCE, {"images": whole(1)}), "test": fields(_SOURCE)}, {"anomalies": fields(_SOURCE)}
    ),
    "probe": fields({**_ACCURACY, "per_class": mapped(number)}, {"confused": _confused, "strength": number}),
    "attributes": mapped(fields(_ATTRIBUTE, {"per_class": mapped(number)})),
    "knn": fields(_ACCURACY),
    "spectrum": fields({"effective_rank": number, "dimensions": whole(1), "n": whole(1), "protocol": text}),
    "retrieval": _retrieval,
    "projection": _projection,
    "anomaly": _anomaly,
    "seeds": fields(
        {"others": listed(fields({"seed": whole(), "figures": mapped(number)}), least=1, most=100), "protocol": text}
    ),
    "anomaly_sets": _SETS,
    "layers": _layers,
    "map_choices": fields(
        {
            "maps": mapped(fields({"trustworthiness": number, "continuity": number, "kept": number})),
            "n": whole(1),
            "neighbours": whole(NEIGHBOURS, NEIGHBOURS),
            "protocol": text,
        }
    ),
    "spaces": fields({"y": _SPACE, "n": whole(1), "protocol": text}, {"z": _SPACE}),
    "clusters": fields(
        {**_ACCURACY, **dict.fromkeys(("nmi", "ari", "silhouette"), number), "matching": listed(whole(-1), least=1)}
    ),
}
