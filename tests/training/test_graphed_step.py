"""Steps: on a CPU each is taken as it is; a CUDA graph where there is CUDA."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from unittest.mock import Mock

import pytest
import torch
from torch import nn

from vicreg.config import Config, ViewConfig
from vicreg.method.networks import networks
from vicreg.training import graphed_step
from vicreg.training.graphed_step import EAGER_STEPS, GraphedStep, step_of
from vicreg.training.learning_rate import set_learning_rate
from vicreg.training.optimiser import CAPTURABLE, make_optimiser
from vicreg.training.step import take_step

CPU = torch.device("cpu")
SMALL = Config(encoder="tiny", expander=(16, 16, 8), batch_size=8, warmup_steps=2, views=ViewConfig(size=16))


def fresh(config: Config, device: torch.device) -> tuple[nn.Module, torch.optim.Optimizer]:
    parts = networks(config, device)
    return nn.Sequential(*parts).train(), make_optimiser(config, *parts)


def views(step: int) -> torch.Tensor:
    return torch.rand(16, 3, 16, 16, generator=torch.Generator().manual_seed(step))


@pytest.mark.parametrize("name", ["muon", "adamw", "lars"])
def test_on_a_cpu_a_step_is_the_plain_one(name):
    config = replace(SMALL, optimiser=name)
    (network, optimiser), (other, others) = fresh(config, CPU), fresh(config, CPU)
    take = step_of(network, optimiser, config, CPU, precision="float32")
    assert not isinstance(take, GraphedStep)
    for step in range(3):
        found, wanted = take(views(step)), take_step(other, others, views(step), config)
        assert [term.item() for term in found] == [term.item() for term in wanted]
    for one, two in zip(network.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(one, two)


def test_a_step_hands_on_precision_and_gather(monkeypatch):
    given = []
    monkeypatch.setattr(graphed_step, "take_step", lambda *arguments, **options: given.append(options))
    network, optimiser = fresh(SMALL, CPU)
    gather = torch.clone
    step_of(network, optimiser, SMALL, CPU, precision="bfloat16", gather=gather)(views(0))
    assert given == [{"precision": "bfloat16", "gather": gather}]


def test_only_a_step_that_a_graph_can_hold_becomes_one(monkeypatch):
    made = []
    monkeypatch.setattr(graphed_step, "GraphedStep", lambda step, forget, device: made.append(device) or "graph")
    cuda = torch.device("cuda")
    network, optimiser = fresh(SMALL, CPU)

    def kind(config: Config = SMALL, device: torch.device = cuda, **options) -> bool:
        return step_of(network, optimiser, config, device, precision="float32", **options) == "graph"

    assert all(kind(replace(SMALL, optimiser=name)) for name in CAPTURABLE)
    assert made == [cuda] * len(CAPTURABLE)
    assert not kind(replace(SMALL, optimiser="lars"))
    assert not kind(device=CPU)
    assert not kind(device=torch.device("mps"))
    assert not kind(graph=False)
    assert not kind(gather=torch.clone)


class Stream:
    """A CUDA stream that computes nothing and notes the device that it was made for."""

    def __init__(self, device: torch.device | None = None) -> None:
        self.device = device

    def wait_stream(self, other: Stream) -> None:
        assert other.device == self.device, "a stream waits for another one on its own device"


def test_a_graph_is_recorded_on_the_device_of_the_networks(monkeypatch):
    device, seen = torch.device("cuda:1"), []
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device=None: seen.append(device))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Mock)
    monkeypatch.setattr(
        torch.cuda, "graph", lambda graph, stream: seen.append(stream.device) or contextlib.nullcontext()
    )
    network, optimiser = fresh(SMALL, CPU)
    take = step_of(network, optimiser, SMALL, device, precision="float32")
    for step in range(EAGER_STEPS + 1):
        take(views(step))
    assert take.graph is not None
    assert seen == [device, device]


if torch.cuda.is_available():  # on a CPU the plain step is taken, so there is nothing to skip

    @pytest.mark.parametrize("name", CAPTURABLE)
    def test_a_recorded_step_does_what_the_plain_one_does_at_every_rate(name):
        config, device = replace(SMALL, optimiser=name), torch.device("cuda")
        (network, optimiser), (other, others) = fresh(config, device), fresh(config, device)
        take = step_of(network, optimiser, config, device, precision="float32")
        for step in range(EAGER_STEPS + 6):
            for each in (optimiser, others):
                set_learning_rate(each, config, step, 40)
            batch = views(step).to(device)
            found, wanted = take(batch), take_step(other, others, batch, config)
            assert found[-1].item() == pytest.approx(wanted[-1].item(), rel=1e-3)
        assert take.graph is not None
        for one, two in zip(network.parameters(), other.parameters(), strict=True):
            assert (one - two).norm() / two.norm() < 1e-2
