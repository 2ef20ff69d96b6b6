"""The model card of a run: the README.md in its folder, in the format of the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from vicreg.config import Config
from vicreg.data.catalogue import CATALOGUE
from vicreg.loss_terms import IN_LOSS
from vicreg.storage.json_values import JsonObject
from vicreg.study_results import STUDY_DATASET, STUDY_PROBES, study_probe

if TYPE_CHECKING:
    from huggingface_hub import EvalResult


def model_card(config: Config, record: JsonObject, metrics: JsonObject, *, name: str) -> str:
    """Markdown with the Hub's front matter, model-index included.

    record: config.json as a dict. metrics: metrics.json as a dict.
    """
    probe, knn, data = metrics["probe"], metrics["knn"], record["data"]
    result = probe_result(config.dataset, probe["accuracy"], f"Linear probe, {probe['protocol']}")
    rank = metrics["spectrum"]
    accuracy, (low, high) = f"{probe['accuracy']:.2f} %", probe["interval"]
    return f"""{front_matter(name, [config.dataset], [result])}
# {name}

{_what(config, record)}

| figure | value | protocol |
| --- | --- | --- |
| linear probe | {accuracy} (95 % interval {low:.2f} to {high:.2f}, n = {probe["n"]}) | {probe["protocol"]} |
| kNN | {knn["accuracy"]:.2f} % (n = {knn["n"]}) | {knn["protocol"]} |
{_attributes(metrics)}| effective rank | {rank["effective_rank"]:.2f} of {rank["dimensions"]} | {rank["protocol"]} |

{_study(config)}

{_how(config, record)}Train images: {data["train"]["source"]} Measured on: {metrics["sources"]["test"]["source"]}
{_use(name, record)}"""


def _what(config: Config, record: JsonObject) -> str:
    title = CATALOGUE[config.dataset].title
    if baseline := record.get("baseline"):
        from vicreg.runs.run_card import described

        return f"A baseline on {title}, measured as the trained runs are: {described(baseline)}."
    return f"A {config.encoder} encoder trained with VICReg (Bardes, Ponce, LeCun 2022) on {title}, preset `{config.preset}`."


def _attributes(metrics: JsonObject) -> str:
    return "".join(
        f"| linear probe, {what} | {found['accuracy']:.2f} % (95 % interval {found['interval'][0]:.2f} to "
        f"{found['interval'][1]:.2f}, n = {found['n']}) | {found['protocol']} |\n"
        for what, found in metrics.get("attributes", {}).items()
    )


def _study(config: Config) -> str:
    if config.dataset != STUDY_DATASET:
        return "The study that this project grew out of did not use this data set."
    figure = study_probe(config)
    if figure is None:
        return f"The study that this project grew out of reports {STUDY_PROBES['vicreg']} % for VICReg after 30 epochs."
    return f"The study that this project grew out of reports a linear probe of {figure} % for this preset."


def _how(config: Config, record: JsonObject) -> str:
    if record.get("baseline"):
        return ""
    weights = ", ".join(f"{getattr(config, term.weight):g}" for term in IN_LOSS)
    terms = ", ".join(term.normalised for term in IN_LOSS).replace(
        "the two", "the\ntwo"
    )  # the card breaks the line here
    pairs = f"views of {config.views.size} x {config.views.size} pixels"
    if found := record.get("neighbours"):
        pairs = (
            f"positive pairs of an image and one of its {found['nearest']} nearest others in the representation space of "
            f"{found['run']}, both as they are"
        )
    return (
        f"Training: {config.epochs} epochs of {record['data']['train']['images']:,} images, batch {config.batch_size}, "
        f"{config.optimiser} at\n{config.learning_rate:g}, weights of the unweighted terms as `vicreg.method.loss` gives them "
        f"({terms}) {weights}, {pairs}, seed {config.seed}; "
        f"{record['seconds'] / 60:.0f} minutes on {record['device']}.\n"
    )


def _use(name: str, record: JsonObject) -> str:
    if record.get("baseline", {}).get("name") in ("pixels", "laplacian"):
        return ""
    return f"""
```python
import vicreg

run = vicreg.find_runs()[0]["{name}"]
representations = vicreg.encode(run.encoder, images)  # uint8 (N, 32, 32, 3) -> float32 (N, width)
```
"""


def probe_result(dataset: str, accuracy: float, label: str) -> EvalResult:
    """A linear probe in the Hub's format. dataset: from the catalogue. accuracy: percent. label: name of the figure."""
    from huggingface_hub import EvalResult

    spec = CATALOGUE[dataset]
    return EvalResult(
        task_type="image-classification",
        task_name="Linear probe",
        dataset_type=spec.repo or dataset,
        dataset_name=spec.title,
        dataset_split="test",
        metric_type="accuracy",
        metric_value=float(accuracy),  # a numpy float would become a Python object in YAML
        metric_name=label,
    )


def front_matter(name: str, datasets: Iterable[str], results: Sequence[EvalResult]) -> str:
    """The front matter of a model card: YAML between `---` lines. datasets: from the catalogue."""
    from huggingface_hub import ModelCardData

    data = ModelCardData(
        license="mit",
        library_name="vicreg",
        tags=["self-supervised-learning", "vicreg", "image-feature-extraction"],
        datasets=sorted({CATALOGUE[dataset].repo for dataset in datasets} - {""}) or None,
        model_name=name if results else None,
        eval_results=list(results) or None,
    )
    return f"---\n{data.to_yaml()}\n---\n"


def described(baseline: JsonObject) -> str:
    """Describe a baseline from its record in config.json."""
    return {
        "untrained": "the encoder before its first step",
        "pixels": "pixels, their first {dimensions} principal components over the train split",
        "laplacian": "Laplacian Eigenmaps of the pixels of {images:,} train images, {dimensions} dimensions",
    }[baseline["name"]].format(**baseline)
