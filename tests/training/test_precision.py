"""Precision: the one whose steps take less time, kept with the run that began with it, unless somebody chooses."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from small_run import SMALL, a_run, same_weights, until

from vicreg.config import PRECISIONS, Config
from vicreg.method.networks import networks
from vicreg.storage.paths import STATE_FILE
from vicreg.training import estimate, loop, precision, snapshots, step
from vicreg.training.estimate import choose_precision
from vicreg.training.precision import autocast, has_bfloat16
from vicreg.training.state import saved_precision
from vicreg.training.step import loss_of

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch) -> Callable[..., list[str]]:
    """clock(float32=..., bfloat16=...): the seconds that fake steps take, one by one; returns the list of those taken."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)

    def set_to(**seconds: list[float]) -> list[str]:
        now, taken = [0.0], []
        left = {name: iter(durations) for name, durations in seconds.items()}

        def noise_step(config: Config, device: torch.device, name: str) -> Callable[[], None]:
            def take() -> None:
                taken.append(name)
                now[0] += next(left[name])

            return take

        monkeypatch.setattr(estimate, "_noise_step", noise_step)
        monkeypatch.setattr(estimate.time, "perf_counter", lambda: now[0])
        return taken

    return set_to


@pytest.mark.parametrize(
    ("float32", "bfloat16", "chosen"),
    [
        ([0.25, 0.25, 0.25], [0.125, 0.125, 0.125], "bfloat16"),
        ([0.125, 0.125, 0.125], [0.25, 0.25, 0.25], "float32"),
        ([0.25, 0.25, 0.25], [0.125, 2.0, 0.125], "bfloat16"),  # one step that was held up does not decide
        ([0.125, 0.125, 0.125], [0.125, 0.125, 0.125], "float32"),  # nothing gained
    ],
)
def test_the_precision_whose_steps_usually_take_less_time_is_chosen(clock, float32, bfloat16, chosen):
    taken = clock(float32=float32, bfloat16=bfloat16)
    assert choose_precision(SMALL, CPU) == chosen
    assert taken[:2] == [*PRECISIONS]  # in turns, so that a slow moment meets both


def test_slow_steps_are_timed_once(clock):
    taken = clock(float32=[4.0], bfloat16=[3.0])
    assert choose_precision(SMALL, CPU) == "bfloat16"
    assert taken == [*PRECISIONS]


def test_hardware_without_bfloat16_is_not_timed(clock, monkeypatch):
    taken = clock(float32=[1.0] * 9, bfloat16=[0.1] * 9)
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: False)
    assert choose_precision(SMALL, CPU) == "float32"
    assert not taken


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({}, False),
        ({"avx512_bf16": True, "amx_bf16": False}, True),
        ({"avx512_bf16": False, "amx_bf16": True}, True),
        ({"avx2": True, "avx512_bf16": False, "amx_bf16": False}, False),
    ],
)
def test_a_cpu_has_bfloat16_where_it_has_instructions_for_it(capabilities, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert has_bfloat16(CPU) is expected
    assert has_bfloat16(torch.device("mps")) is False


def test_a_forward_pass_is_in_its_precision_and_the_loss_in_float32():
    encoder, expander = networks(SMALL, CPU)
    views, seen = torch.rand(8, 3, 16, 16), []
    expander.register_forward_hook(lambda module, given, z: seen.append(z.dtype))
    network = torch.nn.Sequential(encoder, expander)
    totals = [loss_of(network, views, SMALL, precision=name).total for name in PRECISIONS]
    assert seen == [torch.float32, torch.bfloat16]
    assert {total.dtype for total in totals} == {torch.float32}
    assert totals[0].item() != totals[1].item()
    assert totals[1].item() == pytest.approx(totals[0].item(), rel=0.05)


# In a whole training.


@pytest.fixture(autouse=True)
def _quick_maps(monkeypatch):
    monkeypatch.setattr(snapshots, "tsne", lambda representations, *, initial: representations[:, :2])


@pytest.fixture
def used(monkeypatch) -> set[str]:
    """The precisions of the forward passes that were taken."""
    found = set()

    def noted(name: str, device: torch.device):
        found.add(name)
        return autocast(name, device)

    monkeypatch.setattr(step, "autocast", noted)
    return found


def faster(monkeypatch, name: str) -> None:
    """From now on steps in this precision are found to be the faster ones."""
    monkeypatch.setattr(loop, "choose_precision", lambda config, device: name)


def run(folder: Path, *, precision: str | None = None, **options) -> loop.Trained:
    return a_run(folder, images=32, tests=20, precision=precision, **options)


def begun(folder: Path, **options) -> loop.Trained:
    """A run that was stopped after its first step."""
    return run(folder, **until(1), **options)


def test_a_run_takes_what_is_faster_and_ends_bit_for_bit_alike_over_a_resume_though_the_timing_says_otherwise(
    tmp_path, monkeypatch, used
):
    faster(monkeypatch, "bfloat16")
    whole = run(tmp_path / "whole")
    assert begun(tmp_path).precision == "bfloat16"
    assert saved_precision(tmp_path / STATE_FILE) == "bfloat16"
    monkeypatch.setattr(loop, "choose_precision", lambda config, device: pytest.fail("timed again"))
    resumed = run(tmp_path)
    assert resumed.finished
    assert resumed.precision == "bfloat16"
    assert used == {"bfloat16"}
    assert same_weights(whole, resumed)


def test_a_precision_that_is_asked_for_is_taken_whatever_is_faster_or_was_before(tmp_path, monkeypatch, used):
    monkeypatch.setattr(loop, "choose_precision", lambda config, device: pytest.fail("timed"))
    assert begun(tmp_path, precision="bfloat16").precision == "bfloat16"
    assert used == {"bfloat16"}
    used.clear()
    assert run(tmp_path, precision="float32").precision == "float32"
    assert used == {"float32"}
    assert saved_precision(tmp_path / STATE_FILE) == "float32"


def test_no_precision_is_read_from_a_file_that_tells_none(tmp_path):
    path = tmp_path / STATE_FILE
    assert saved_precision(path) == ""
    path.write_bytes(b"no state")
    assert saved_precision(path) == ""


def test_a_run_with_an_unknown_precision_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"float32, bfloat16.*'float16'"):
        run(tmp_path, precision="float16")
    assert not list(tmp_path.iterdir())
