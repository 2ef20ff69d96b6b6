"""The section `layers`: which layer to use? Figures for the pixels, every stage of the encoder, and every layer up to z.

    pixels -> stage 1 -> ... -> representation y -> expander 1 -> expander 2 -> embedding z

The loss acts on z and makes it drop what two views do not share. This hurts the last layers most, so we keep y and discard
the expander. Bordes et al. 2023 ("Guillotine regularization") show it for many methods. The output of a stage is averaged
over its positions; the output of an expander layer is taken after its activation.

Two measures of effective rank, both exp(-sum_j p_j log p_j) over the singular values' shares p_j:

    ours     of the centred matrix, p_j = s_j / sum_i s_i          Roy and Vetterli 2007
    RankMe   of the matrix as it is, p_j = s_j / sum_i s_i + 1e-7   Garrido et al. 2023, equation 2

A mean far from 0 is one large singular value, so RankMe is then smaller than ours. If all images are one point, it is 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vicreg.evaluation.array_checks import checked
from vicreg.evaluation.encode import encode
from vicreg.evaluation.neighbours import nearest
from vicreg.evaluation.probe import linear_probe
from vicreg.evaluation.report_sections.section import FEW, Section
from vicreg.evaluation.spectrum import effective_rank
from vicreg.storage.json_values import JsonObject

if TYPE_CHECKING:
    from vicreg.method.networks import Encoder, Expander

PIXELS, Y, Z = "pixels", "y", "z"
TRAINED_ON = 10_000  # train images to fit probes on, the same for all layers
PIXEL_COMPONENTS = 256
RANKME_EPS = 1e-7


def chosen_rows(images: int, *, most: int = TRAINED_ON, seed: int = 0) -> np.ndarray:
    """The train images to fit the probes on: at most `most` random rows of `images`, by seed, rising."""
    return np.sort(np.random.default_rng(seed).permutation(images)[:most])


def outputs(
    encoder: Encoder, expander: Expander, images: np.ndarray, *, representations: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """The output of every layer except the pixels, by name and in order: uint8 (N, H, W, 3) -> float32 (N, width) each.

    The names are `stage 1` and so on, `y`, `expander 1`, `expander 2`, `z`. representations: (N, encoder.width), those of the
    images if already known; an encoder whose y joins its stages then need not run. Both networks must be in eval mode.
    """
    from vicreg.method.networks import StageMeans

    widths = encoder.stage_widths
    joined = representations if encoder.joined else None
    if joined is None:
        joined = encode(StageMeans(encoder), images)
    stages = np.split(joined, np.cumsum(widths)[:-1], axis=1)
    y = joined if encoder.joined else stages[-1]
    if not encoder.joined:
        stages = stages[:-1]  # the last one is y
    named = {f"stage {number}": stage for number, stage in enumerate(stages, start=1)}
    return {**named, Y: y, **expanded(expander, y)}


def expanded(expander: Expander, representations: np.ndarray, *, batch_size: int = 1000) -> dict[str, np.ndarray]:
    """The output of every expander layer after its activation; the last is z: (N, width) -> float32 (N, D) each."""
    import torch

    if expander.training:
        raise ValueError("expander must be in eval mode, got one in train mode: call expander.eval() first")
    parts: dict[str, list[np.ndarray]] = {}
    device = next((p.device for p in expander.parameters()), torch.device("cpu"))
    with torch.inference_mode():
        for start in range(0, len(representations), batch_size):
            values = torch.from_numpy(np.array(representations[start : start + batch_size])).to(device)
            number = 0
            for module in expander.layers:
                values = module(values)
                if isinstance(module, torch.nn.ReLU):
                    number += 1
                    parts.setdefault(f"expander {number}", []).append(values.cpu().numpy())
            parts.setdefault(Z, []).append(values.cpu().numpy())
    return {name: np.concatenate(arrays) for name, arrays in parts.items()}


def pixel_components(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first 256 principal components of the train images' pixels, for both splits: uint8 (N, H, W, 3) -> (N, 256)."""
    from sklearn.utils.extmath import randomized_svd

    flat_train, flat_test = (images.reshape(len(images), -1).astype(np.float32) / 255 for images in (train, test))
    mean = flat_train.mean(axis=0)
    flat_train -= mean
    most = min(PIXEL_COMPONENTS, *flat_train.shape)
    _, _, components = randomized_svd(flat_train, most, n_iter=2, random_state=0)
    return flat_train @ components.T, (flat_test - mean) @ components.T


def layers(
    train: Mapping[str, np.ndarray],
    train_labels: np.ndarray,
    test: Mapping[str, np.ndarray],
    test_labels: np.ndarray,
    *,
    attributes: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> Section:
    """The probe, retrieval and effective rank of every layer, and a probe for everything else that is known of the images.

    train, test: layer -> (N, width) and (M, width), in order, including `y` and `z`. labels: (N,), (M,). attributes: name ->
    values of the train images (N,) and of the test images (M,), as whole numbers, such as ink colours.
    """
    measured: list[JsonObject] = []
    for name, of_test in test.items():
        of_test = checked(of_test, name=name)
        near = nearest(of_test, of_test, k=min(FEW, len(of_test) - 1), metric="cosine", exclude_self=True).indices
        same = (test_labels[near] == test_labels[:, None]).mean(axis=1)  # (M,)
        half = 1.96 * same.std() / np.sqrt(len(same))
        centred, raw = _singular_values(of_test)
        measured.append(
            {
                "name": name,
                "dimensions": of_test.shape[1],
                "probe": _probe(train[name], train_labels, of_test, test_labels),
                "nearest_5_same_class": {
                    "share": 100 * float(same.mean()),
                    "interval": [100 * float(same.mean() - half), 100 * float(same.mean() + half)],
                },
                "effective_rank": effective_rank(centred),
                "rankme": rankme(raw),
            }
        )
        if attributes:
            measured[-1]["attributes"] = {
                what: _probe(train[name], train_values, of_test, values)
                for what, (train_values, values) in attributes.items()
            }
    metrics = {
        "layers": measured,
        "n": len(test_labels),
        "n_train": len(train_labels),
        "protocol": (
            f"Pixels: first {PIXEL_COMPONENTS} principal components. Stages: mean over positions. Expander layers: after "
            f"the activation. Probe: that of the section probe, on {len(train_labels):,} train images drawn at random, so "
            "its figures are lower than the full probe's; 95 % bootstrap interval over test images. Retrieval: share of "
            "the five nearest other test images, cosine, that have the query's class; normal 95 % interval over queries. "
            "Effective rank: centred singular values of test images. RankMe: not centred, 1e-7 added to each share."
        ),
    }
    return Section({"layers": metrics}, {})


def _probe(train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray) -> JsonObject:
    result = linear_probe(train, train_labels, test, test_labels)
    return {"accuracy": 100 * result.accuracy, "interval": [100 * bound for bound in result.interval]}


def rankme(singular_values: np.ndarray) -> float:
    """RankMe of the singular values of a matrix that was not centred; 1 if all are 0, as for any single point."""
    total = singular_values.sum()
    if total == 0:
        return 1.0
    p = singular_values / total + RANKME_EPS
    return float(np.exp(-(p * np.log(p)).sum()))


def _singular_values(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values of the centred matrix, with rounding set to 0, and of the matrix as it is: (D,) float64 each.

    They are roots of the eigenvalues of D x D products. This takes a tenth of the time, but loses values below 1e-7 of the
    largest.
    """
    from vicreg.evaluation.spectrum import rounding

    array = array.astype(np.float64)
    raw = np.sqrt(np.maximum(np.linalg.eigvalsh(array.T @ array)[::-1], 0))
    least = rounding(array)
    array -= array.mean(axis=0)
    centred = np.sqrt(np.maximum(np.linalg.eigvalsh(array.T @ array)[::-1], 0))
    centred[centred <= max(least, 1e-7 * centred.max(initial=0))] = 0
    return centred, raw
