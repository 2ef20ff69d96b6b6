"""The report of a run: every figure with its protocol and interval, and the tables that pages draw.

Arrays in, a dict and frames out. `python -m vicreg evaluate` and the end of a training write them into the run's folder
as metrics.json and results/*.parquet. The same arrays give the same report, byte for byte on one machine: scikit-learn's
OpenMP loops get at most two threads, and a sum of two partial sums does not depend on their order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from vicreg.evaluation.report_sections.anomaly import anomaly
from vicreg.evaluation.report_sections.anomaly_sets import anomaly_sets
from vicreg.evaluation.report_sections.attributes import attributes_of
from vicreg.evaluation.report_sections.clusters import clusters
from vicreg.evaluation.report_sections.knn import knn
from vicreg.evaluation.report_sections.map_choices import coordinates, map_choices
from vicreg.evaluation.report_sections.probe import probe
from vicreg.evaluation.report_sections.projection import maps
from vicreg.evaluation.report_sections.retrieval import retrieval
from vicreg.evaluation.report_sections.section import Section
from vicreg.evaluation.report_sections.spaces import spaces
from vicreg.evaluation.report_sections.spectrum import spectrum_of
from vicreg.storage.json_values import JsonObject

EMBEDDINGS, ANOMALIES, OTHER_SETS = "embeddings", "anomalies", "other_sets"  # what some sections need; see Inputs


@dataclass(frozen=True)
class Report:
    """metrics: plain JSON values. tables: name -> frame, as results/<name>.parquet holds them."""

    metrics: JsonObject = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    def add(self, section: Section) -> None:
        """Add the figures and tables of a section."""
        self.metrics.update(section.metrics)
        self.tables.update(section.tables)


@dataclass(frozen=True)
class Inputs:
    """What is measured: N train and M test images, and what else is known. Sections without their inputs are left out.

    train, test: representations, (N, D) and (M, D) float32. train_labels, test_labels: (N,), (M,) whole numbers into classes.
    train_images, test_images: uint8 (N, H, W, 3) and (M, H, W, 3), for the figures about colour.
    network: whether a network made the representations, so that it can also encode a visitor's picture.
    embeddings: (N, K) and (M, K), of the same images.
    anomalies: (A, D) representations of anomaly_images (A, H, W, 3), from another data set in which they have
        anomaly_labels (A,). Without them there is no ROC.
    other_sets: name -> (S, D), representations of images of more data sets, which are anomalies as well.
    own_map: a name and (M, 2) coordinates, if the representations come with a map.
    attributes: name -> the names of its values, and (N,), (M,) whole numbers into them.
    layers: measures every layer of the networks (`report_sections.layers`).
    """

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    classes: Sequence[str]
    train_images: np.ndarray | None = None
    test_images: np.ndarray | None = None
    network: bool = False
    embeddings: tuple[np.ndarray, np.ndarray] | None = None
    anomalies: np.ndarray | None = None
    anomaly_images: np.ndarray | None = None
    anomaly_labels: np.ndarray | None = None
    other_sets: Mapping[str, np.ndarray] = field(default_factory=dict)
    own_map: tuple[str, np.ndarray] | None = None
    attributes: Mapping[str, tuple[Sequence[str], np.ndarray, np.ndarray]] = field(default_factory=dict)
    layers: Callable[[], Section] | None = None

    @property
    def splits(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Representations and labels of both splits."""
        return self.train, self.train_labels, self.test, self.test_labels


@dataclass(frozen=True)
class Measurement:
    """How to measure a section.

    measure: from the inputs, and from the report so far, which some sections quote. needs: inputs that take time to make
    and that only this section uses. slow: whether a training leaves it out because it takes long; `python -m vicreg
    evaluate` adds it.
    """

    measure: Callable[[Inputs, Report], Section]
    needs: tuple[str, ...] = ()
    slow: bool = False


# In the order of measuring: `spaces` quotes `probe` and `knn`, and `map_choices` judges the maps of `projection`.
SECTIONS: dict[str, Measurement] = {
    "knn": Measurement(lambda of, report: knn(*of.splits)),
    "probe": Measurement(lambda of, report: probe(*of.splits, classes=of.classes)),
    "attributes": Measurement(lambda of, report: attributes_of(of.train, of.test, of.attributes)),
    "spectrum": Measurement(lambda of, report: spectrum_of(of.test)),
    "retrieval": Measurement(
        lambda of, report: retrieval(
            *(of.train, of.test, of.test_labels),
            classes=of.classes,
            train_images=of.train_images,
            test_images=of.test_images,
        )
    ),
    "projection": Measurement(lambda of, report: maps(of.test, of.test_labels, own_map=of.own_map)),
    "map_choices": Measurement(
        lambda of, report: map_choices(of.test, of.test_labels, drawn=coordinates(report.tables.get("projections"))),
        slow=True,
    ),
    "anomaly": Measurement(
        lambda of, report: anomaly(
            *(of.train, of.test, of.test_labels),
            anomalies=of.anomalies,
            labels=of.anomaly_labels,
            images=_pooled(of),
        ),
        needs=(ANOMALIES,),
    ),
    "anomaly_sets": Measurement(
        lambda of, report: anomaly_sets(*of.splits, classes=of.classes, sets=of.other_sets, bank=of.network),
        needs=(OTHER_SETS,),
        slow=True,
    ),
    "clusters": Measurement(lambda of, report: clusters(of.test, of.test_labels, classes=of.classes)),
    "spaces": Measurement(
        lambda of, report: spaces(*of.splits, embeddings=of.embeddings, measured=report.metrics), needs=(EMBEDDINGS,)
    ),
    "layers": Measurement(lambda of, report: of.layers() if of.layers else Section({}, {}), slow=True),
}
QUICK = ("knn", "probe", "attributes", "spectrum", "retrieval")  # what pages compare runs by; enough for a lesson
SLOW = tuple(name for name, section in SECTIONS.items() if section.slow)


def evaluate(
    inputs: Inputs,
    *,
    sources: dict[str, JsonObject],
    only: Collection[str] = tuple(SECTIONS),
    earlier: Report | None = None,
    on_stage: Callable[[str, int, int], None] = lambda label, done, total: None,
) -> Report:
    """Measure sections of the report.

    sources: where the pictures come from, copied into the metrics. only: the names of the sections to measure.
    earlier: a report in which sections find what they quote from sections that are not measured now.
    on_stage("measuring", done, total) is called before each section and at the end.
    """
    import sklearn.manifold  # noqa: F401 - its OpenMP library must be loaded before it can be limited
    from threadpoolctl import threadpool_info, threadpool_limits

    report = Report({"sources": sources})
    known = Report({**earlier.metrics}, {**earlier.tables}) if earlier else Report()
    names = [name for name in SECTIONS if name in only]
    threads = max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"), default=2)
    with threadpool_limits(limits=min(2, threads), user_api="openmp"):
        for number, name in enumerate(names):
            on_stage("measuring", number, len(names))
            section = SECTIONS[name].measure(inputs, known)
            report.add(section)
            known.add(section)
    on_stage("measuring", len(names), len(names))
    return report


def _pooled(of: Inputs) -> np.ndarray | None:
    """The test images and the anomalies' after them; None if some of them are missing."""
    if of.anomalies is None:
        return of.test_images
    both = [images for images in (of.test_images, of.anomaly_images) if images is not None]
    return np.concatenate(both) if len(both) == 2 else None
