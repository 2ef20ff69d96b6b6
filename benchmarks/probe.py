"""The linear probe: its time, and scikit-learn's L-BFGS against torch's on the same objective, interleaved.

    python -m benchmarks.probe [checkpoints/cifar10-vicreg] [--rounds 3]

Both start at zero, work in float32 on the standardised train representations with the strength that the probe chose, and
stop at a gradient of 1e-4. The objective's value is worked out in double precision for both.
"""

import argparse
import time
from statistics import median

import numpy as np
import torch

from vicreg.data.loading import load
from vicreg.evaluation import probe
from vicreg.pipeline.measure_run import representations
from vicreg.runs.folder import open_run


def main() -> None:
    """Print the probe's seconds and accuracy, then both solvers' with the ratio round by round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", default="checkpoints/cifar10-vicreg")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    run = open_run(options.run)
    train_set, test_set = load(run.config.dataset, "train"), load(run.config.dataset, "test")
    train, test = (np.asarray(representations(run, image_set)) for image_set in (train_set, test_set))

    began = time.perf_counter()
    result = probe.linear_probe(train, train_set.labels, test, test_set.labels)
    seconds = time.perf_counter() - began
    low, high = result.interval
    print(
        f"{run.name}: {100 * result.accuracy:.2f} % ({100 * low:.2f} to {100 * high:.2f}) of {len(test):,} test images, "
        f"strength {result.strength:g} of {len(result.strengths)}; {seconds:.1f} s for {len(train):,} train images"
    )

    mean, scale = train.mean(axis=0), train.std(axis=0)
    x, x_test = (train - mean) / scale, (test - mean) / scale
    solvers = {"scikit-learn": scikit_learn, "torch": torch_lbfgs}
    times: dict[str, list[float]] = {name: [] for name in solvers}
    fitted = {}
    for _ in range(options.rounds):
        for name, solve in solvers.items():
            began = time.perf_counter()
            fitted[name] = solve(x, train_set.labels, result.strength)
            times[name].append(time.perf_counter() - began)
    for name, (weights, bias) in fitted.items():
        accuracy = ((x_test @ weights.T + bias).argmax(axis=1) == test_set.labels).mean()
        value = objective(x, train_set.labels, weights, bias, result.strength)
        print(f"{name:<13}{median(times[name]):7.1f} s   objective {value:.6f}   accuracy {100 * accuracy:.2f} %")
    ratios = [t / s for t, s in zip(times["torch"], times["scikit-learn"], strict=True)]
    print(
        f"torch / scikit-learn: {median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f}), median of "
        f"{options.rounds} rounds, {torch.get_num_threads()} threads"
    )


def scikit_learn(x: np.ndarray, labels: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (C, D) and bias (C,), as the probe fits them."""
    return probe._fit(x, labels, strength, start=None)


def torch_lbfgs(x: np.ndarray, labels: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """The same from torch.optim.LBFGS on the full batch."""
    inputs, targets = torch.from_numpy(x), torch.from_numpy(np.array(labels))
    classes = int(labels.max()) + 1
    weights = torch.zeros(classes, x.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weights, bias],
        max_iter=2000,
        history_size=10,
        tolerance_grad=probe.TOLERANCE,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        logits = inputs @ weights.T + bias
        loss = torch.nn.functional.cross_entropy(logits, targets) + strength / 2 * weights.square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    return weights.detach().numpy(), bias.detach().numpy()


def objective(x: np.ndarray, labels: np.ndarray, weights: np.ndarray, bias: np.ndarray, strength: float) -> float:
    """1/n sum CE + strength/2 |W|^2, in double precision."""
    logits = x.astype(np.float64) @ weights.T.astype(np.float64) + bias
    logits -= logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(x)), labels]
    return float(losses.mean() + strength / 2 * (weights.astype(np.float64) ** 2).sum())


if __name__ == "__main__":
    main()
