"""What the pages say about the data set of a run: its classes and their colours, its anomalies, the accuracy of guessing."""

from __future__ import annotations

from vicreg import charts
from vicreg.data.catalogue import CATALOGUE, Spec
from vicreg.runs.folder import Run
from vicreg.study_results import STUDY_DATASET


def spec(run: Run) -> Spec:
    """The catalogue entry of a run's data set."""
    return CATALOGUE[run.config.dataset]


def anomalous(run: Run) -> Spec:
    """The catalogue entry of the data set that provides the run's anomalies."""
    return CATALOGUE[spec(run).strangers[0]]


def class_names(run: Run) -> list[str]:
    """The class names of the run's data set, by label."""
    return list(spec(run).classes)


def class_colour(label: int) -> str:
    """The colour of a class label."""
    return charts.CLASS_COLOURS[int(label) % len(charts.CLASS_COLOURS)]


def guessing(run: Run) -> str:
    """The accuracy of guessing the class in the run's data set, such as `10 %`."""
    return f"{spec(run).chance:.3g} %"


def studied(run: Run) -> bool:
    """Whether the study used this run's data set."""
    return run.config.dataset == STUDY_DATASET
