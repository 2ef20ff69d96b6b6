"""Does a run that was trained on JPEG pictures hold on the original pixels? The linear probe on both, paired.

    python -m benchmarks.lossless PIXELS.npy ... [--runs checkpoints/cifar10-vicreg ...]

PIXELS.npy: original pictures of the run's data set, uint8 (n, 32, 32, 3), from either split and in any order. Each is matched
with the picture in the data folder whose fingerprint is nearest. Matched train pictures are left out when the probe is fitted
on the JPEG train pictures, so all matched pictures are new to it. The encoder saw the train pictures, as JPEG, without labels.
The interval of the difference is 1.96 standard errors over pictures, paired.
"""

import argparse
from pathlib import Path

import numpy as np

from vicreg.data.fingerprints import THRESHOLD, UNITS, fingerprints
from vicreg.data.image_set import ImageSet
from vicreg.data.loading import load
from vicreg.evaluation.encode import encode
from vicreg.evaluation.neighbours import nearest
from vicreg.evaluation.probe import linear_probe, probabilities
from vicreg.pipeline.measure_run import representations
from vicreg.runs.folder import open_run

SPLITS = ("train", "test")


def main() -> None:
    """Print, for each run and split, the probe's accuracy on JPEG and on original pixels, and the difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pixels", nargs="+", type=Path)
    parser.add_argument("--runs", nargs="+", default=["checkpoints/cifar10-vicreg"])
    options = parser.parse_args()
    originals = np.concatenate([np.load(file, allow_pickle=False) for file in options.pixels])
    for name in options.runs:
        run = open_run(name)
        sets = {split: load(run.config.dataset, split) for split in SPLITS}
        matched = match(originals, sets)
        y = {split: np.asarray(representations(run, image_set)) for split, image_set in sets.items()}
        rest = np.ones(len(y["train"]), dtype=bool)
        rest[matched["train"][1]] = False
        probe = linear_probe(y["train"][rest], sets["train"].labels[rest], y["test"], sets["test"].labels)
        right: dict[str, list[np.ndarray]] = {"jpeg": [], "original": []}
        for split, (own, rows) in matched.items():
            labels = sets[split].labels[rows]
            for kind, found in (("jpeg", y[split][rows]), ("original", encode(run.encoder, originals[own]))):
                right[kind].append(probabilities(probe, found).argmax(axis=1) == labels)
            report(f"{run.name}, {split}", right["jpeg"][-1], right["original"][-1])
        report(f"{run.name}, both", *(np.concatenate(right[kind]) for kind in ("jpeg", "original")))


def match(originals: np.ndarray, sets: dict[str, ImageSet]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each split: the rows of the originals found in it, and their rows in the split. Each row of a split once."""
    wanted = fingerprints(originals) / np.float32(UNITS)
    nearest_rows, distances = [], []
    for split in SPLITS:
        rows, apart = nearest(wanted, fingerprints(sets[split].images) / np.float32(UNITS), k=1, metric="euclidean")
        nearest_rows.append(rows[:, 0])
        distances.append(apart[:, 0])
    choice = np.argmin(distances, axis=0)
    close = np.min(distances, axis=0) < THRESHOLD
    matched = {}
    for i, split in enumerate(SPLITS):
        own = np.flatnonzero(close & (choice == i))
        rows, first = np.unique(nearest_rows[i][own], return_index=True)
        matched[split] = own[first], rows
        errors = np.abs(originals[own[first]].astype(int) - sets[split].images[rows]).mean()
        print(f"{split}: {len(rows):,} pictures matched, mean difference {errors:.1f} of 255")
    print(f"not matched: {len(originals) - sum(len(rows) for _, rows in matched.values())}")
    return matched


def report(what: str, jpeg: np.ndarray, original: np.ndarray) -> None:
    """One line: both accuracies of the same pictures and their difference in points."""
    difference = original.astype(float) - jpeg
    error = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
    print(
        f"{what}: n = {len(jpeg):,}, JPEG {100 * jpeg.mean():.2f} %, original {100 * original.mean():.2f} %, "
        f"difference {100 * difference.mean():+.2f} points (95 %: {100 * (difference.mean() - error):+.2f} to "
        f"{100 * (difference.mean() + error):+.2f})"
    )


if __name__ == "__main__":
    main()
