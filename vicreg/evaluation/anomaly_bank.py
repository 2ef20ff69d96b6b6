"""A bank: the train representations, compressed to come with a run, so that a visitor's picture can be scored at once.

    g = m + P t + r,   m: the median; t (d,): the first principal components of a train representation g; r: the rest

    |q - g|^2  ~  |t_q - t_g|^2 + |r_q|^2 + |r_g|^2          as if the rests of two images were orthogonal

A bank stores t as whole numbers of a step, from -127 to 127, and |r| and |g| of each row; |g| is for scores on
representations scaled to length 1. Each row has its own step, and the farthest rows do not count for P: after a training
without the variance term, a few rows lie a hundred times farther out than all others.

The rests of near images are similar, not orthogonal, so these distances are too long. We correct the scores with quantiles:
those of images whose exact scores are known. The remaining error is measured on other images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from vicreg.evaluation.anomaly_score import KNOWN, OFFERED, Scoring, reduce_distances, roc
from vicreg.evaluation.array_checks import checked
from vicreg.storage.json_values import JsonObject

BYTES = 1_600_000  # at most, of the codes; if all rows need more, a random part is kept
COMPONENTS = 64  # on CIFAR-10, 32 with twice the rows and 128 with half of them keep less of the ranking
BULK = 0.99  # the share of rows, nearest to the median, that the components are those of
KNOTS = np.linspace(0, 1, 41)  # quantiles that set the scale
LEAST_FACTOR = 1e-4  # half precision holds three digits of it
BLOCK = 200  # queries compared at once


@dataclass(frozen=True)
class Bank:
    """The compressed train representations, N of them.

    centre: (D,) float32. components: (D, d), orthonormal columns in half precision. codes: (m, d) int8, in units of
    step * factor. factor: (m,) float32, from 0 to 1. rest: (m,) float32, the length outside the components. length: (m,)
    float32, the whole length. of: N, from which the m rows were drawn. scale: column of a score -> (quantiles of the
    bank's scores, the same quantiles of exact scores), both rising.
    """

    centre: np.ndarray
    components: np.ndarray
    codes: np.ndarray
    factor: np.ndarray
    rest: np.ndarray
    length: np.ndarray
    step: float
    of: int
    scale: Mapping[str, tuple[np.ndarray, np.ndarray]]

    def scores(self, queries: np.ndarray, scoring: Scoring) -> np.ndarray:
        """Anomaly scores of representations (Q, D), corrected to the scale of exact scores: (Q,) float32, 0 and up."""
        return self._scaled(self.raw_scores(queries, [scoring])[scoring.column], scoring)

    def raw_scores(self, queries: np.ndarray, scorings: list[Scoring]) -> dict[str, np.ndarray]:
        """Scores before the correction, by column. Raises ValueError for another width D."""
        queries = checked(queries, name="queries").astype(np.float32)
        if queries.shape[1] != len(self.centre):
            raise ValueError(
                f"queries need {len(self.centre)} dimensions, like the bank's rows, got {queries.shape[1]}"
            )
        found: dict[str, list[np.ndarray]] = {scoring.column: [] for scoring in scorings}
        rows = self.codes.astype(np.float32) * (self.step * self.factor)[:, None]  # (m, d)
        squares = np.einsum("md,md->m", rows, rows) + self.rest**2
        for start in range(0, len(queries), BLOCK):
            block = queries[start : start + BLOCK]
            centred = block - self.centre
            flat = centred @ self.components.astype(np.float32)  # (b, d)
            whole = np.einsum("bd,bd->b", centred, centred)  # |t_q|^2 + |r_q|^2
            between = np.maximum(whole[:, None] + squares - 2 * flat @ rows.T, 0)  # (b, m), squared distances
            nearest = {}
            for scoring in scorings:
                if scoring.normalise not in nearest:
                    depth = max(self._k(s) for s in scorings if s.normalise == scoring.normalise)
                    squared = self._unit(between, block) if scoring.normalise else between
                    nearest[scoring.normalise] = np.sqrt(np.sort(np.partition(squared, depth - 1)[:, :depth]))
                k = self._k(scoring)
                found[scoring.column].append(
                    reduce_distances(nearest[scoring.normalise], k=k, reduction=scoring.reduction)
                )
        return {column: np.concatenate(parts) for column, parts in found.items()}

    def _k(self, scoring: Scoring) -> int:
        """How many of the k nearest train images are expected in the bank, at least 1."""
        return min(max(1, round(scoring.k * len(self.codes) / self.of)), len(self.codes))

    def _unit(self, between: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """Squared distances after scaling both sides to length 1, 2 - 2 cos, from the squared distances before."""
        own = np.linalg.norm(queries, axis=1)[:, None]
        products = (own**2 + self.length**2 - between) / 2
        lengths = own * self.length
        return np.clip(2 - 2 * products / np.where(lengths > 0, lengths, 1), 0, 4)

    def _scaled(self, raw: np.ndarray, scoring: Scoring) -> np.ndarray:
        if scoring.column not in self.scale:
            return raw
        here, exact = self.scale[scoring.column]
        moved = np.interp(raw, here, exact)
        # Scores beyond the quantiles are corrected like the outermost quantile.
        moved += np.maximum(raw - here[-1], 0) - np.maximum(here[0] - raw, 0)
        return np.maximum(moved, 0).astype(np.float32)


def make_bank(train: np.ndarray, *, seed: int = 0) -> Bank:
    """The bank of train representations (N, D), without a scale: of all rows, or of a random part if there are too many."""
    train = checked(train, name="train")
    count, width = train.shape
    d = min(COMPONENTS, width)
    rows = np.arange(count)
    if count * d > BYTES:
        rows = np.sort(np.random.default_rng(seed).permutation(count)[: BYTES // d])
    centre = np.median(train, axis=0).astype(np.float32)
    distances = np.linalg.norm(train - centre, axis=1)
    near = distances <= np.quantile(distances, BULK)
    scatter = np.zeros((width, width))
    for start in range(0, count, 5_000):
        part = (train[start : start + 5_000] - centre)[near[start : start + 5_000]]
        scatter += part.T @ part
    components = np.linalg.eigh(scatter)[1][:, ::-1][:, :d].astype(np.float16)
    kept = train[rows]
    flat = (kept - centre) @ components.astype(np.float32)  # (m, d)
    steps = np.abs(flat).max(axis=1) / 127
    step = float(steps.max()) or 1.0
    factor = np.maximum(steps / step, LEAST_FACTOR).astype(np.float16).astype(np.float32)
    codes = np.clip(np.round(flat / (step * factor)[:, None]), -127, 127)
    squared = ((kept - centre) ** 2).sum(axis=1)
    return Bank(
        centre=centre,
        components=components,
        codes=codes.astype(np.int8),
        factor=factor,
        rest=np.sqrt(np.maximum(squared - (flat**2).sum(axis=1), 0)).astype(np.float32),
        length=np.linalg.norm(kept, axis=1).astype(np.float32),
        step=step,
        of=count,
        scale={},
    )


def with_scale(bank: Bank, queries: np.ndarray, exact: Mapping[str, np.ndarray]) -> Bank:
    """The bank with a scale, from the exact scores, by column, of the representations (Q, D) of some images."""
    raw = bank.raw_scores(queries, [scoring for scoring in OFFERED if scoring.column in exact])
    scale = {column: (np.quantile(raw[column], KNOTS), np.quantile(exact[column], KNOTS)) for column in raw}
    return replace(bank, scale=scale)


def bank_error(
    bank: Bank, normal: np.ndarray, anomalies: np.ndarray, exact: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> JsonObject:
    """The error of scoring by the bank, for each scoring in KNOWN.

    normal, anomalies: (M, D) and (A, D) representations that did not set the scale. exact: column -> their exact scores,
    (M,) and (A,).

    rank_correlation: Spearman's, among the normal images. auroc, auroc_exact: of all anomalies together. place, place_95:
    how far an image moves in the ranking of the normal images, in percentage points; the median, and the bound that holds
    for 95 % of the images.
    """
    found = {}
    for name, scoring in KNOWN.items():
        true, true_anomalies = exact[scoring.column]
        scores = bank.scores(normal, scoring)
        order = np.sort(true)
        moved = 100 * np.abs(np.searchsorted(order, scores) - np.searchsorted(order, true)) / len(true)
        found[name] = {
            "rank_correlation": _rank_correlation(scores, true),
            "place": float(np.median(moved)),
            "place_95": float(np.quantile(moved, 0.95)),
        }
        if len(anomalies):
            found[name] |= {
                "auroc": roc(scores, bank.scores(anomalies, scoring)).auroc,
                "auroc_exact": roc(true, true_anomalies).auroc,
            }
    return found


def bank_tables(bank: Bank) -> dict[str, pd.DataFrame]:
    """The bank as tables: `bank` has a row per train image, `bank_basis` per dimension, `bank_scale` per quantile."""
    columns = range(bank.codes.shape[1])
    return {
        "bank": pd.DataFrame(
            {
                **{f"c{i}": bank.codes[:, i] for i in columns},
                "factor": bank.factor.astype(np.float16),
                "rest": (bank.rest / bank.step).astype(np.float16),
                "length": bank.length,
            }
        ),
        "bank_basis": pd.DataFrame({"mean": bank.centre, **{f"c{i}": bank.components[:, i] for i in columns}}),
        "bank_scale": pd.concat(
            [
                pd.DataFrame({"setting": column, "bank": here, "exact": exact})
                for column, (here, exact) in bank.scale.items()
            ],
            ignore_index=True,
        ),
    }


def bank_from_tables(rows: pd.DataFrame, basis: pd.DataFrame, scale: pd.DataFrame, *, step: float, of: int) -> Bank:
    """The bank that `bank_tables` wrote. Raises ValueError if the tables do not fit together.

    Earlier versions wrote no factors: then all rows have the same step.
    """
    names = [f"c{i}" for i in range(sum(str(name)[1:].isdigit() for name in rows))]
    if not names or set(basis) != {"mean", *names} or set(rows) - {"factor"} != {"rest", "length", *names}:
        raise ValueError("a bank's rows and its basis need the same components")
    return Bank(
        centre=basis["mean"].to_numpy(np.float32),
        components=basis[names].to_numpy(np.float32),
        codes=rows[names].to_numpy(np.int8),
        factor=rows["factor"].to_numpy(np.float32) if "factor" in rows else np.ones(len(rows), np.float32),
        rest=rows["rest"].to_numpy(np.float32) * np.float32(step),
        length=rows["length"].to_numpy(np.float32),
        step=step,
        of=of,
        scale={
            str(column): (np.sort(part["bank"].to_numpy()), np.sort(part["exact"].to_numpy()))
            for column, part in scale.groupby("setting", observed=True)
        },
    )


def _rank_correlation(left: np.ndarray, right: np.ndarray) -> float:
    """Spearman's rank correlation; 0 if either is constant."""
    one, other = (pd.Series(values).rank().to_numpy(np.float64) for values in (left, right))
    if min(np.ptp(one), np.ptp(other)) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
