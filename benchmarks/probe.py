"""The linear probe's fit against scikit-learn's LogisticRegression on the same objective, interleaved.

    python -m benchmarks.probe [checkpoints/cifar10-vicreg] [--embedding] [--mirrored] [--strength 0.0001] [--rounds 3]

--mirrored averages the representations of each image and of its mirror image; --rounds 0 measures the accuracy only.

Both start at zero, work in float32 on standardised train representations (or embeddings) and use L-BFGS until a gradient of
1e-4: scikit-learn's of the weights, ours of weights scaled by the curvature of the objective. The objective's value is worked
out in double precision for both.
"""

import argparse
import time
from statistics import median

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from vicreg.data.loading import load
from vicreg.evaluation import probe
from vicreg.evaluation.encode import embed, encode
from vicreg.pipeline.measure_run import representations
from vicreg.runs.folder import open_run


def main() -> None:
    """Print the probe's seconds and accuracy, then both fits with the ratio round by round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", default="checkpoints/cifar10-vicreg")
    parser.add_argument("--embedding", action="store_true")
    parser.add_argument("--mirrored", action="store_true")
    parser.add_argument("--strength", type=float, default=probe.STRENGTHS[-1])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    run = open_run(options.run)
    train_set, test_set = load(run.config.dataset, "train"), load(run.config.dataset, "test")
    if options.mirrored:
        train, test = (encode(run.encoder, image_set.images, mirrored=True) for image_set in (train_set, test_set))
    else:
        train, test = (np.asarray(representations(run, image_set)) for image_set in (train_set, test_set))
    if options.embedding:
        train, test = (embed(run.expander, y) for y in (train, test))

    began = time.perf_counter()
    result = probe.linear_probe(train, train_set.labels, test, test_set.labels)
    seconds = time.perf_counter() - began
    low, high = result.interval
    print(
        f"{run.name}: {100 * result.accuracy:.2f} % ({100 * low:.2f} to {100 * high:.2f}) of {len(test):,} test images, "
        f"strength {result.strength:g} of {len(result.strengths)}; {seconds:.1f} s for {len(train):,} train images"
    )

    if options.rounds < 1:
        return
    mean, scale = train.mean(axis=0), train.std(axis=0)
    x, x_test = (train - mean) / scale, (test - mean) / scale
    fits = {"ours": ours, "scikit-learn": scikit_learn}
    times: dict[str, list[float]] = {name: [] for name in fits}
    fitted = {}
    for _ in range(options.rounds):
        for name, fit in fits.items():
            began = time.perf_counter()
            fitted[name] = fit(x, train_set.labels, options.strength)
            times[name].append(time.perf_counter() - began)
    for name, (weights, bias) in fitted.items():
        accuracy = ((x_test @ weights.T + bias).argmax(axis=1) == test_set.labels).mean()
        value = objective(x, train_set.labels, weights, bias, options.strength)
        print(f"{name:<13}{median(times[name]):7.1f} s   objective {value:.6f}   accuracy {100 * accuracy:.2f} %")
    ratios = [t / s for t, s in zip(times["scikit-learn"], times["ours"], strict=True)]
    print(
        f"scikit-learn / ours: {median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f}), median of "
        f"{options.rounds} rounds, strength {options.strength:g}, {torch.get_num_threads()} threads"
    )


def ours(x: np.ndarray, labels: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (C, D) and bias (C,), as the probe fits them."""
    directions = probe._Directions(x)
    model = directions.fit(np.ones(len(x), dtype=bool), labels, strength)
    return model.weights @ directions.axes.T, model.bias


def scikit_learn(x: np.ndarray, labels: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """The same from scikit-learn, whose C multiplies the sum of the losses."""
    model = LogisticRegression(C=1 / (strength * len(x)), tol=probe.TOLERANCE, max_iter=2000)
    model.fit(x, labels)
    return model.coef_, model.intercept_


def objective(x: np.ndarray, labels: np.ndarray, weights: np.ndarray, bias: np.ndarray, strength: float) -> float:
    """1/n sum CE + strength/2 |W|^2, in double precision."""
    logits = x.astype(np.float64) @ weights.T.astype(np.float64) + bias
    logits -= logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(x)), labels]
    return float(losses.mean() + strength / 2 * (weights.astype(np.float64) ** 2).sum())


if __name__ == "__main__":
    main()
