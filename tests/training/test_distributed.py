"""Several processes on one batch: what one process would compute, and what happens when one of them dies.

Real processes, gloo on this machine. Steps are in float32, so that differences are its rounding.
"""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import small_run
import torch
import torch.distributed as dist
from conftest import digit_images
from safetensors import safe_open
from small_run import until
from torch import Tensor, nn

from vicreg.cli.main import main
from vicreg.config import Config
from vicreg.method.loss import LossTerms, vicreg_loss
from vicreg.method.networks import networks
from vicreg.pipeline import train_run
from vicreg.pipeline.measure_run import evaluate_run
from vicreg.presets import ABLATIONS, presets
from vicreg.runs.folder import Run, open_run
from vicreg.storage.paths import STATE_FILE
from vicreg.training import distributed, loop, step
from vicreg.training.distributed import ProcessLost, SynchronisedBatchNorm, Team, gather_with_gradients, joined, world
from vicreg.training.loop import Trained
from vicreg.training.progress import Progress
from vicreg.training.state import TrainingError
from vicreg.training.step import loss_of, positive_pairs, seeded

ROOT = Path(__file__).parents[2]
EVALUATE_RUN = evaluate_run  # the real one, which some tests wrap
DEADLINE = 240  # seconds for what takes a few: a machine may be busy, but nothing here may hang
CPU = torch.device("cpu")
SMALL = replace(small_run.SMALL, expander=(16, 16, 16))


class Members:
    """Processes that wait for work, as many as were ever needed at once: to import torch takes each of them seconds."""

    def __init__(self) -> None:
        self.context = torch.multiprocessing.get_context("forkserver")  # which imports the slow ones once for all
        self.context.set_forkserver_preload(["pytest", "sklearn.manifold", "torch._dynamo", "torchvision.models"])
        self.members: list[tuple] = []  # a process, and our end of its pipe

    def __call__(self, work: Callable[[Team], object], *, size: int = 2, join: bool = True) -> list:
        """What work(team) returned or raised in each of `size` processes that joined each other, by rank.

        join: meet before the work and part after it; else the work, which gets no team, does so itself.
        """
        while len(self.members) < size:
            ours, theirs = self.context.Pipe()
            process = self.context.Process(target=_member, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            self.members.append((process, ours))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        chosen, name = self.members[:size], getattr(work, "func", work).__name__  # of a partial too
        for rank, (_, pipe) in enumerate(chosen):
            pipe.send((work, rank, size, port, join))
        deadline = time.monotonic() + DEADLINE
        answers = []
        for rank, (process, pipe) in enumerate(chosen):
            try:
                answered = pipe.poll(max(0, deadline - time.monotonic()))
                answers.append(pipe.recv() if answered else None)
            except EOFError:
                process.join()
                self.end()
                pytest.fail(f"rank {rank} of {size} died in {name}, with exit code {process.exitcode}")
            if not answered:
                self.end()
                pytest.fail(f"rank {rank} of {size} did not come back from {name} within {DEADLINE} s")
        return answers

    def end(self) -> None:
        """End all of them; the next work starts others."""
        for process, pipe in self.members:
            process.kill()
            process.join()
            pipe.close()
        self.members.clear()


def _member(pipe: Connection) -> None:
    torch.set_num_threads(1)
    distributed.SECONDS_FOR_TORCHRUN = 0
    while True:
        try:
            work, rank, size, port, join = pipe.recv()
        except EOFError:  # nobody is there to ask for more
            return
        os.environ |= {"RANK": f"{rank}", "LOCAL_RANK": f"{rank}", "WORLD_SIZE": f"{size}"}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": f"{port}"}
        try:
            if join:
                with joined(CPU, timeout=timedelta(seconds=60)) as team:
                    answer = work(team)
            else:
                answer = work()
        except Exception as error:
            answer = error
        pipe.send(answer)


@pytest.fixture(scope="module")
def together() -> Iterator[Members]:
    members = Members()
    yield members
    members.end()


def worth(answers: list) -> list:
    """The answers, once none of them is an error."""
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# The terms, their gradients and the norms: equal to one process on the whole batch.


def of_every_preset(team: Team) -> dict[str, tuple[dict[str, float], dict[str, np.ndarray]]]:
    """The terms, and every gradient and running statistic after one backward pass of each preset's own network.

    In float64: in float32 a ReLU whose input is almost zero may open in one sum and not in the other.
    """
    found = {}
    for name, preset in presets("coloured-digits").items():
        config = replace(preset, batch_size=16, expander=(16, 16, 16))
        encoder, expander = networks(config, team.device)
        network = loop._shared(encoder.double(), expander.double(), team, compile=False)
        neighbours = torch.arange(1, 41)[:, None] % 40 if config.positives == "neighbours" else None
        views = positive_pairs(
            torch.from_numpy(digit_images(40)[0]),
            torch.arange(5, 21),
            config,
            neighbours=neighbours,
            generator=seeded(0, 2, 0),
            share=team.share(config.batch_size),
        )
        network.train()
        terms = loss_of(network, views.double(), config, gather=gather_with_gradients)
        terms.total.backward()
        arrays = {}
        for part, module in (("encoder", encoder), ("expander", expander)):
            arrays |= {f"{part}.{n} gradient": p.grad.numpy().copy() for n, p in module.named_parameters()}
            arrays |= {f"{part}.{n}": b.numpy().copy() for n, b in module.named_buffers()}
        found[name] = (terms_of_all(terms, team), arrays)
    return found


def terms_of_all(terms: LossTerms, team: Team) -> dict[str, float]:
    return dict(zip(LossTerms._fields, team.mean(torch.stack(terms).detach()).tolist(), strict=True))


def of_embeddings(team: Team) -> tuple[dict[str, float], np.ndarray]:
    """The terms of (16, 8) float32 embeddings, and the gradient of this process's rows averaged over the processes."""
    z_a, z_b = torch.randn(2, 16, 8, generator=torch.Generator().manual_seed(3))
    own = team.share(16)
    z_a, z_b = z_a[own].clone().requires_grad_(), z_b[own].clone().requires_grad_()
    terms = vicreg_loss(z_a, z_b, variance_weight=50.0, gather=gather_with_gradients)
    terms.total.backward()
    return terms_of_all(terms, team), torch.stack([z_a.grad, z_b.grad]).numpy() / team.size


def both_of_these(team: Team) -> tuple:
    return of_every_preset(team), of_embeddings(team)


@pytest.fixture(scope="module")
def both_ranks(together) -> list[tuple]:
    return worth(together(both_of_these))


@pytest.mark.parametrize("preset", sorted(ABLATIONS))
def test_loss_gradients_and_statistics_are_those_of_one_process_on_the_whole_batch(both_ranks, preset):
    terms, arrays = of_every_preset(Team())[preset]
    assert sum(np.linalg.norm(a) > 1 for name, a in arrays.items() if name.endswith("gradient")) > 10
    for ranks_terms, ranks_arrays in (rank[0][preset] for rank in both_ranks):
        assert ranks_terms == pytest.approx(terms, rel=1e-9)
        assert ranks_arrays.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_allclose(ranks_arrays[name], array, atol=1e-8 * max(1, np.abs(array).max()), err_msg=name)


def test_in_float32_too_the_terms_and_their_gradient_are_those_of_the_whole_batch(both_ranks):
    terms, gradient = of_embeddings(Team())
    assert min(terms.values()) > 0.05
    for rank in both_ranks:
        assert rank[1][0] == pytest.approx(terms, rel=1e-5)
    np.testing.assert_allclose(np.concatenate([rank[1][1] for rank in both_ranks], axis=1), gradient, atol=1e-5)


def test_all_processes_hold_the_same_gradients_bit_for_bit(both_ranks):
    one, other = (rank[0] for rank in both_ranks)
    for preset in ABLATIONS:
        for name, array in one[preset][1].items():
            np.testing.assert_array_equal(array, other[preset][1][name], err_msg=name)


def rows_of_three(team: Team) -> tuple[np.ndarray, np.ndarray]:
    """Rank r holds the rows 10 r and 10 r + 1; its loss is (r + 1) times the sum of row i of all times i."""
    own = torch.tensor([[10.0 * team.rank], [10.0 * team.rank + 1]], requires_grad=True)
    everyone = gather_with_gradients(own)
    ((team.rank + 1) * everyone[:, 0] * torch.arange(6)).sum().backward()
    assert world() == (team.rank, 3)
    return everyone.detach().numpy(), own.grad.numpy()


def normalised(team: Team) -> dict[str, np.ndarray]:
    """A step of a BatchNorm over (12, 3) and over (12, 3, 2, 2), in thirds of 4 where there are three processes."""
    found = {}
    for name, shape in (("rows", (12, 3)), ("maps", (12, 3, 2, 2))):
        whole = 5 + 3 * torch.randn(shape, generator=torch.Generator().manual_seed(1))
        weights = torch.randn(shape, generator=torch.Generator().manual_seed(2))  # the loss: a weighted sum of y^2
        own = team.share(12)
        x = whole[own].clone().requires_grad_()
        plain = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
        norm = plain(3) if team.size == 1 else SynchronisedBatchNorm(3)
        nn.init.constant_(norm.weight, 1.5)
        y = norm(x)
        (weights[own] * y.square()).sum().backward()
        parameters = torch.stack([norm.weight.grad, norm.bias.grad])
        sums = team.mean(parameters) * team.size
        found |= {f"{name} {k}": v.detach().numpy() for k, v in (("y", y), ("x", x.grad), ("parameters", sums))}
        found |= {f"{name} {k}": v.numpy() for k, v in norm.named_buffers()}
        with torch.no_grad():
            found[f"{name} eval"] = norm.eval()(x).numpy()
    return found


def normalised_in_half_precision(team: Team) -> tuple[dict[str, np.ndarray], dict[str, torch.dtype]]:
    """A step of a linear layer and a BatchNorm under bfloat16 autocast, as values and as their dtypes."""
    whole = 5 + 3 * torch.randn((12, 3), generator=torch.Generator().manual_seed(1))
    weights = torch.randn((12, 3), generator=torch.Generator().manual_seed(2))
    own = team.share(12)
    layer, norm = nn.Linear(3, 3, bias=False), nn.BatchNorm1d(3) if team.size == 1 else SynchronisedBatchNorm(3)
    nn.init.eye_(layer.weight)
    nn.init.constant_(norm.weight, 1.5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        x = layer(whole[own])  # bfloat16
        x.retain_grad()
        y = norm(x)
    (weights[own] * y.float().square()).sum().backward()
    found = {"y": y, "x": x.grad, "weight": norm.weight.grad, "bias": norm.bias.grad, **dict(norm.named_buffers())}
    dtypes = {name: value.dtype for name, value in found.items()}
    for name in ("weight", "bias"):
        found[name] = team.mean(found[name]) * team.size
    return {name: value.detach().float().numpy() for name, value in found.items()}, dtypes


def rows_and_norms(team: Team) -> tuple:
    return rows_of_three(team), normalised(team), normalised_in_half_precision(team)


@pytest.fixture(scope="module")
def three_ranks(together) -> list[tuple]:
    return worth(together(rows_and_norms, size=3))


def test_gathering_keeps_the_ranks_order_and_sums_what_all_ranks_losses_say(three_ranks):
    for rank, (everyone, gradient) in enumerate(answers[0] for answers in three_ranks):
        assert everyone[:, 0].tolist() == [0, 1, 10, 11, 20, 21]
        assert gradient[:, 0].tolist() == [6 * 2 * rank, 6 * (2 * rank + 1)]  # 6 = 1 + 2 + 3, the three losses' factors


def test_a_process_on_its_own_gathers_nothing():
    z = torch.zeros(4, 2)
    assert world() == (0, 1)
    assert gather_with_gradients(z) is z


def test_a_norm_over_three_processes_is_batchnorm_on_the_concatenated_batch(three_ranks):
    ranks, alone = [answers[1] for answers in three_ranks], normalised(Team())
    for name, expected in alone.items():
        per_image = name.split()[1] in ("y", "x", "eval")
        found = [np.concatenate([rank[name] for rank in ranks])] if per_image else [rank[name] for rank in ranks]
        for array in found:
            np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-5, err_msg=name)


def test_under_autocast_a_norm_over_three_processes_has_batchnorms_dtypes_and_values_up_to_rounding(three_ranks):
    alone, dtypes = normalised_in_half_precision(Team())
    assert (dtypes["y"], dtypes["x"], dtypes["weight"]) == (torch.bfloat16, torch.bfloat16, torch.float32)
    ranks = [answers[2] for answers in three_ranks]
    assert all(found == dtypes for _, found in ranks)
    for name, expected in alone.items():
        per_image = name in ("y", "x")
        found = [np.concatenate([r[name] for r, _ in ranks])] if per_image else [r[name] for r, _ in ranks]
        near = 1e-5 if name.startswith("running") else 0.02 * np.abs(expected).max()  # bfloat16 rounds to 0.4 %
        for array in found:
            np.testing.assert_allclose(array, expected, rtol=0, atol=near, err_msg=name)


@pytest.mark.parametrize("positives", ["views", "neighbours"])
def test_every_process_sees_the_pairs_that_one_process_would(positives):
    pixels, rows = torch.from_numpy(digit_images(40)[0]), torch.randperm(40)[:12]
    table = torch.stack([(torch.arange(40) + k) % 40 for k in (1, 2, 3)], dim=1) if positives == "neighbours" else None

    def pairs(share: slice) -> Tensor:
        drawn = positive_pairs(pixels, rows, SMALL, neighbours=table, generator=seeded(0, 2, 7), share=share)
        return torch.stack(drawn.chunk(2))  # (2, B, 3, S, S)

    whole = pairs(slice(None))
    for size in (2, 3):
        parts = torch.cat([pairs(Team(rank, size).share(12)) for rank in range(size)], dim=1)
        torch.testing.assert_close(parts, whole, atol=1e-6, rtol=0)


# Whole runs: the same pictures and nearly the same weights, whatever the number of processes.


def a_run(folder: Path, team: Team | None = None, config: Config = SMALL, **options) -> Trained:
    return small_run.a_run(folder, config, team=team, **options)


def told(trained: Trained) -> dict:
    """A run as plain values, which go from one process to another."""
    return {
        "weights": {
            k: v.numpy().copy() for n in (trained.encoder, trained.expander) for k, v in n.state_dict().items()
        },
        "kinds": {type(module).__name__ for module in (*trained.encoder.modules(), *trained.expander.modules())},
        "history": [{k: v for k, v in row.items() if k != "seconds"} for row in trained.history],
        "ranks": [snapshot.effective_rank for snapshot in trained.snapshots],
        "finished": trained.finished,
    }


def three_runs(team: Team, folder: Path) -> list[dict]:
    """A whole run in a folder of each rank's own, one that rank 1 stops after step 4, and one that was begun alone."""
    whole = a_run(folder / f"whole-{team.rank}", team)
    stopped = a_run(folder / "stopped", team, **(until(4) if team.rank == 1 else {}))
    resumed = a_run(folder / f"begun-{team.rank}", team)  # for rank 1 there is nothing in the folder
    return [told(whole), told(stopped), told(resumed)]


@pytest.fixture(scope="module")
def runs(together, tmp_path_factory) -> tuple[Path, Trained, list[list[dict]]]:
    """The folder, the run of one process, and the three runs of two processes, by rank."""
    folder = tmp_path_factory.mktemp("runs")
    torch.set_num_threads(1)
    a_run(folder / "begun-0", **until(4))
    alone = a_run(folder / "alone")
    return folder, alone, worth(together(partial(three_runs, folder=folder)))


def alike(run: dict, other: dict) -> bool:
    """Six steps apart in rounding only: AdamW turns the smallest gradients of either sign into whole steps."""
    steps = SMALL.learning_rate * 6
    far = [np.abs(weights - other["weights"][name]) for name, weights in run["weights"].items() if weights.size > 1]
    near = np.mean(np.concatenate([part.ravel() for part in far])) < steps / 100
    totals = [[row["total"] for row in one["history"]] for one in (run, other)]
    return bool(near) and totals[0] == pytest.approx(totals[1], rel=1e-3)


def test_two_processes_train_what_one_would_and_another_seed_another(runs, tmp_path):
    _, alone, ranks = runs
    for rank in ranks:
        assert rank[0]["finished"]
        assert alike(rank[0], told(alone))
        assert rank[0]["kinds"] == told(alone)["kinds"]  # with BatchNorms of their own again
    assert not alike(told(a_run(tmp_path, config=replace(SMALL, seed=1))), told(alone))


def test_every_process_comes_back_with_the_same_weights_history_and_snapshots(runs):
    one, other = (rank[0] for rank in runs[2])
    assert one["history"] == other["history"]
    assert one["ranks"] == other["ranks"]
    for name, weights in one["weights"].items():
        np.testing.assert_array_equal(weights, other["weights"][name], err_msg=name)


def test_only_rank_0_writes(runs):
    folder = runs[0]
    assert [path.name for path in (folder / "whole-0").iterdir()] == [STATE_FILE]
    assert not (folder / "whole-1").exists()


def test_a_stop_that_one_process_asks_for_stops_all_after_the_same_step(runs):
    folder, _, ranks = runs
    assert [rank[1]["finished"] for rank in ranks] == [False, False]
    with safe_open(folder / "stopped" / STATE_FILE, framework="pt") as file:
        assert json.loads(file.metadata()["state"])["step"] == 4


def test_a_run_goes_on_with_another_number_of_processes_and_ends_alike(runs):
    folder, alone, ranks = runs
    for rank in ranks:  # one process, then two
        assert rank[2]["finished"]
        assert alike(rank[2], told(alone))
    seen: list[Progress] = []
    two_then_one = a_run(folder / "stopped", on_progress=seen.append)
    assert seen[0].step == 5
    assert alike(told(two_then_one), told(alone))


def test_training_without_the_team_that_was_joined_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "world", lambda: (1, 2))
    with pytest.raises(ValueError, match=r"2 processes.*distributed\.joined"):
        a_run(tmp_path)


@pytest.mark.parametrize(
    ("batch_size", "size", "advice"),
    [(250, 4, "got 250 for 4 processes; try 248 or 252"), (5, 3, "try 6"), (2, 2, "try 4"), (7, 2, "try 6 or 8")],
)
def test_a_batch_that_cannot_be_shared_evenly_is_refused_with_the_nearest_sizes(batch_size, size, advice):
    with pytest.raises(ValueError, match=f"{advice},"):
        Team(0, size).share(batch_size)


# Failures.


def one_bad_loss(team: Team, folder: Path) -> None:
    """At the second step rank 1's invariance is infinite, and nobody else's."""
    real, count = step.vicreg_loss, iter(range(100))

    def explode(z_a: Tensor, z_b: Tensor, **options) -> LossTerms:
        terms = real(z_a, z_b, **options)
        if not z_a.requires_grad or next(count) != 1 or team.rank == 0:
            return terms
        return terms._replace(invariance=terms.invariance * torch.inf, total=terms.total + torch.inf)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "vicreg_loss", explode)
        a_run(folder, team)


def test_a_loss_that_is_not_finite_on_one_process_stops_all_with_the_same_sentence(together, tmp_path):
    for error in together(partial(one_bad_loss, folder=tmp_path)):
        assert isinstance(error, TrainingError)
        assert "the invariance term is not finite at step 2." in str(error)
    assert not list(tmp_path.iterdir())


def slow_leader_then_silent_rank(team: Team, folder: Path) -> None:
    """Rank 0 alone takes longer than a step may, which is allowed; then rank 1 does in a step, which is not."""
    team = replace(team, prompt=dist.new_group(backend="gloo", timeout=timedelta(seconds=1)))
    answer = team.from_leader(lambda: time.sleep(1.5) or "made")
    (folder / f"{team.rank}").write_text(answer)
    if team.rank == 1:
        time.sleep(2)
    team.any(False)


def test_others_wait_for_what_rank_0_does_alone_but_a_silent_process_is_an_error(together, tmp_path):
    for rank, error in enumerate(together(partial(slow_leader_then_silent_rank, folder=tmp_path))):
        assert isinstance(error, ProcessLost)
        assert "another of the 2 processes died or did not respond for 60 s; the log names the first that" in str(error)
        assert (tmp_path / f"{rank}").read_text() == "made"


def patience(team: Team) -> list[timedelta]:
    """How long this process waits for the others: in a step, for a word, and for what rank 0 does alone."""
    groups = (dist.group.WORLD, team.prompt, team.patient)
    return [group._get_backend(CPU).options._timeout for group in groups]


def test_a_step_waits_as_long_as_joined_was_told_and_a_process_on_its_own_work_for_hours(together):
    for found in worth(together(patience)):
        assert found == [timedelta(seconds=60), timedelta(seconds=60), timedelta(hours=2)]


def failing_leader(team: Team) -> None:
    def make() -> None:
        raise OSError("No space left on device")

    team.from_leader(make)


def test_an_error_of_rank_0_reaches_the_others_with_its_words(together):
    own, others = together(failing_leader)
    assert type(own) is OSError
    assert isinstance(others, ProcessLost)
    assert str(others) == "rank 0 stopped: No space left on device"


def torchrun(*words: str, environment: dict[str, str]) -> subprocess.Popen:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.Popen(
        [*command, "-m", "vicreg", "train", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment, "OMP_NUM_THREADS": "1"},
    )


def process_of_rank(rank: int, folder: Path) -> int:
    """The process id of the rank that trains into the folder."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes().split(b"\0")
            if str(folder).encode() in words and f"RANK={rank}".encode() in environment:
                return int(entry.name)
    raise LookupError(rank)


def test_a_killed_rank_ends_the_whole_command_with_its_name_and_leaves_a_whole_state(tiny_hub, tmp_path):
    words = ["--encoder", "tiny", "--batch-size", "16", "--device", "cpu", "--folder", str(tmp_path)]
    job = torchrun(*words, "--epochs", "2000", environment=tiny_hub)
    try:
        state = tmp_path / ".training-cifar10-vicreg" / STATE_FILE
        deadline = time.monotonic() + DEADLINE
        while not state.exists():
            assert job.poll() is None, job.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        os.kill(process_of_rank(1, tmp_path), signal.SIGKILL)
        log, _ = job.communicate(timeout=DEADLINE)  # far below the five minutes that a silent process would be given
    finally:
        job.terminate()  # the agent ends the others too
    assert job.returncode != 0
    root_cause = log[log.index("Root Cause") :]
    assert re.search(r"rank\s*:\s*1 ", root_cause)
    assert re.search(r"exitcode\s*:\s*-9", root_cause)
    assert "Signal 9 (SIGKILL)" in root_cause
    assert not (tmp_path / "cifar10-vicreg").exists()
    with safe_open(state, framework="pt") as file:
        assert json.loads(file.metadata()["state"])["step"] % 4 == 0  # of a whole epoch


# Measuring, which rank 0 does alone. The same command as torchrun's, in processes that have imported torch already.


def nothing(run: Run, **options) -> Run:
    raise ValueError("there is nothing to measure")


def slowly(run: Run, **options) -> Run:
    (run.folder.parents[3] / "threads").write_text(f"{torch.get_num_threads()}")
    time.sleep(1)
    return EVALUATE_RUN(run, **options)


def the_command(folder: Path, environment: dict[str, str], measure: Callable[..., Run], more: tuple[str, ...]) -> dict:
    """How `python -m vicreg train` ended on this rank, when, on how many threads, and what it printed."""
    words = ["--encoder", "tiny", "--batch-size", "16", "--device", "cpu", "--folder", str(folder), *more]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(train_run, "evaluate_run", measure)
        patch.setattr(sys, "stderr", printed)
        status = main(["train", *words])
    return {
        "status": status,
        "ended": time.time(),
        "threads": torch.get_num_threads(),
        "printed": printed.getvalue(),
    }


@pytest.fixture(scope="module")
def commands(together, tiny_hub, tmp_path_factory) -> tuple[Path, list[dict], list[dict], list[dict]]:
    """The folder, a command that a limit stops, one whose measuring fails, and the same once more, by rank."""
    folder = tmp_path_factory.mktemp("command")
    limit, one = ("--epochs", "2000", "--max-seconds", "0.1", "--name", "limited"), ("--epochs", "1")
    several = [(nothing, limit), (nothing, one), (slowly, one)]
    ended = [worth(together(partial(the_command, folder / "runs", tiny_hub, *each), join=False)) for each in several]
    assert (folder / "runs" / ".training-limited" / STATE_FILE).exists()
    shutil.rmtree(folder / "runs" / ".training-limited")
    return folder, *ended


def test_a_command_that_a_limit_stops_has_not_failed_for_torchrun(commands):
    first, other = commands[1]
    assert first["status"] == other["status"] == 0
    assert "--max-seconds allows 0.1" in first["printed"]


def test_an_error_of_rank_0_at_measuring_ends_the_others_at_once_with_its_words(commands):
    _, _, (first, other), _ = commands
    assert first["status"] == other["status"] == 1
    assert first["printed"].endswith("vicreg: rank 0 of 2: there is nothing to measure\n")
    assert other["printed"] == "vicreg: rank 1 of 2: rank 0 stopped: there is nothing to measure\n"
    assert abs(first["ended"] - other["ended"]) < 30


def test_the_others_wait_for_rank_0_which_measures_on_all_processors_alone(commands):
    folder, _, _, (first, other) = commands
    assert first["status"] == other["status"] == 0
    measured = (folder / "runs" / "cifar10-vicreg" / "metrics.json").stat().st_mtime
    assert other["ended"] > measured
    assert (folder / "threads").read_text() == f"{len(os.sched_getaffinity(0))}"
    assert first["threads"] == 1  # as it was before


def test_two_processes_make_one_run_that_rank_0_alone_writes_and_reports(commands):
    folder, _, _, (first, other) = commands
    assert first["printed"].count("linear probe") == 1
    assert other["printed"] == ""
    assert [path.name for path in (folder / "runs").iterdir()] == ["cifar10-vicreg"]
    run = open_run(folder / "runs" / "cifar10-vicreg")
    assert run.record["device"].startswith("2 x CPU")
    assert run.metrics["probe"]["accuracy"] > 0
