"""The optimisers: what Muon does to matrices and vectors, the rate of every step, and what is missing without timm."""

import copy
import math
import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from vicreg.config import Config, ViewConfig
from vicreg.method.networks import networks
from vicreg.training.learning_rate import learning_rate, set_learning_rate
from vicreg.training.optimiser import CAPTURABLE, Muon, make_optimiser

CPU = torch.device("cpu")
SMALL = Config(encoder="tiny", expander=(16, 16, 8), batch_size=16, warmup_steps=4, views=ViewConfig(size=16))
RATE = 0.02


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def muon(parameters: list[nn.Parameter], *, decay: float = 0.0, rate: float | Tensor = RATE, **options) -> Muon:
    """Muon over parameters, those of two and more dimensions orthogonal."""
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay, "orthogonal": True},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, "orthogonal": False},
    ]
    return Muon(groups, lr=rate, **options)


def change(shape: tuple[int, ...], gradients: list[Tensor], **options) -> Tensor:
    """What steps with these gradients add to a parameter of that shape that began at zero."""
    parameter = nn.Parameter(torch.zeros(shape))
    optimiser = muon([parameter], **options)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimiser.step()
    return parameter.detach()


def nearest_orthogonal(matrix: Tensor) -> Tensor:
    u, _, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    return (u @ v).float()


@pytest.mark.parametrize("shape", [(24, 24), (48, 16), (16, 48)])
@pytest.mark.parametrize("size", [1e-4, 1.0, 1e3])
def test_a_matrix_moves_by_a_multiple_of_an_orthogonal_one_of_a_known_size_whatever_its_gradients(shape, size):
    gradient = size * torch.randn(shape)
    moved = change(shape, [gradient])
    scale = 0.2 * math.sqrt(max(shape)) * RATE
    values = torch.linalg.svdvals(moved) / scale
    assert torch.linalg.svdvals(gradient).max() / torch.linalg.svdvals(gradient).median() > 1.5
    assert values.min() > 0.8
    assert values.max() < 1.25
    assert values.mean() == pytest.approx(1, abs=0.1)
    wanted = -scale * nearest_orthogonal(gradient)
    assert (moved * wanted).sum() / moved.norm() / wanted.norm() > 0.99
    # of AdamW's usual size: 0.2 to 0.4 of the rate an entry
    assert moved.square().mean().sqrt() == pytest.approx(0.2 * RATE, rel=0.15)


def test_what_is_made_orthogonal_is_the_running_mean_of_the_gradients():
    first, second = torch.randn(2, 12, 20)
    apart = change((12, 20), [first, second]) - change((12, 20), [first])
    wanted = -nearest_orthogonal(0.9 * 0.1 * first + 0.1 * second)
    assert (apart * wanted).sum() / apart.norm() / wanted.norm() > 0.99
    without = -nearest_orthogonal(second)
    assert (apart * without).sum() / apart.norm() / without.norm() < 0.9


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_convolution_moves_as_the_matrix_of_its_flattened_filters(layout):
    filters, gradient = torch.randn(2, 10, 6, 3, 3)
    flat, kernel = nn.Parameter(filters.flatten(1)), nn.Parameter(filters.clone(memory_format=layout))
    optimiser = muon([flat, kernel], decay=0.1)
    for _ in range(3):
        flat.grad, kernel.grad = gradient.flatten(1).clone(), gradient.clone(memory_format=layout)
        optimiser.step()
        gradient = gradient.roll(1, dims=1)
    torch.testing.assert_close(kernel.detach().flatten(1), flat.detach(), atol=1e-6, rtol=1e-5)
    assert kernel.is_contiguous(memory_format=layout)
    assert optimiser.state[kernel]["momentum_buffer"].stride() == kernel.stride()


def test_decay_shrinks_matrices_and_nothing_else():
    matrix, vector = nn.Parameter(torch.randn(6, 4)), nn.Parameter(torch.randn(6))
    before = matrix.detach().clone(), vector.detach().clone()
    optimiser = muon([matrix, vector], decay=0.5)
    for parameter in (matrix, vector):
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    torch.testing.assert_close(matrix.detach(), before[0] * (1 - RATE * 0.5))
    assert torch.equal(vector.detach(), before[1])


def test_vectors_move_as_under_adamw():
    ours = [nn.Parameter(torch.randn(n)) for n in (1, 7, 30)]
    theirs = copy.deepcopy(ours)
    optimiser = muon(ours)
    reference = torch.optim.AdamW(theirs, lr=RATE, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.0)
    for step in range(20):
        for group in (*optimiser.param_groups, *reference.param_groups):
            group["lr"] = RATE / (1 + step)
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine) * 10.0 ** (step % 5 - 3)
            other.grad = mine.grad.clone()
        optimiser.step()
        reference.step()
        for mine, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-5)


def test_a_parameter_without_a_gradient_stays_and_has_no_state():
    still, moved = nn.Parameter(torch.ones(3, 3)), nn.Parameter(torch.ones(3, 3))
    optimiser = muon([still, moved], decay=0.1)
    moved.grad = torch.randn(3, 3)
    optimiser.step()
    assert torch.equal(still.detach(), torch.ones(3, 3))
    assert still not in optimiser.state
    assert not torch.equal(moved.detach(), torch.ones(3, 3))
    with pytest.raises(ValueError, match="closure"):
        optimiser.step(lambda: 0.0)


def test_a_rate_that_is_a_tensor_gives_the_weights_of_one_that_is_a_number():
    ours = [nn.Parameter(torch.randn(shape)) for shape in ((8, 5), (4, 3, 3, 3), (6,))]
    theirs = copy.deepcopy(ours)
    shared = torch.tensor(0.0)
    one, other = muon(ours, decay=0.1), muon(theirs, decay=0.1, rate=shared)
    config = replace(SMALL, learning_rate=RATE)
    for step in range(5):
        assert set_learning_rate(one, config, step, 20) == set_learning_rate(other, config, step, 20)
        for mine, its in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            its.grad = mine.grad.clone()
        one.step()
        other.step()
    for mine, its in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, its, atol=1e-7, rtol=1e-5)


def test_a_rate_is_set_in_place_where_it_is_a_tensor():
    rate = torch.tensor(1.0)
    optimiser = muon([nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(2))], rate=rate)
    config = replace(SMALL, learning_rate=0.5, warmup_steps=4)
    assert set_learning_rate(optimiser, config, 1, 100) == 0.25 == learning_rate(config, 1, 100)
    assert rate.item() == 0.25
    assert all(group["lr"] is rate for group in optimiser.param_groups)
    numbers = muon([nn.Parameter(torch.zeros(2, 2))], rate=1.0)
    set_learning_rate(numbers, config, 1, 100)
    assert [group["lr"] for group in numbers.param_groups] == [0.25, 0.25]


def test_the_iteration_runs_in_the_steps_precision_and_weights_stay_in_float32():
    gradient = torch.randn(16, 24)
    exact, rounded = (change((16, 24), [gradient], dtype=dtype) for dtype in (torch.float32, torch.bfloat16))
    assert rounded.dtype == torch.float32
    assert not torch.equal(exact, rounded)
    assert (exact - rounded).norm() / exact.norm() < 0.05
    for precision, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        assert make_optimiser(SMALL, *networks(SMALL, CPU), precision=precision).dtype == dtype


def test_a_restored_state_lies_where_the_parameters_do():
    """A CUDA graph keeps what is computed from a number on the host, such as the count of steps, as it was recorded."""
    there = [nn.Parameter(torch.zeros(shape, device="meta")) for shape in ((4, 3), (4,))]
    optimiser = muon(there)
    state = {0: {"momentum_buffer": torch.zeros(4, 3)}}
    state[1] = {"step": torch.tensor(3.0), "exp_avg": torch.zeros(4), "exp_avg_sq": torch.zeros(4)}
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    devices = {name: value.device.type for p in there for name, value in optimiser.state[p].items()}
    assert devices == dict.fromkeys(("momentum_buffer", "step", "exp_avg", "exp_avg_sq"), "meta")


@pytest.mark.parametrize("name", ["muon", "adamw", "lars"])
def test_weight_decay_acts_on_matrices_only(name):
    config = replace(SMALL, optimiser=name, weight_decay=0.1)
    decayed, free = make_optimiser(config, *networks(config, CPU)).param_groups
    assert decayed["weight_decay"] == 0.1
    assert free["weight_decay"] == 0.0
    assert {p.ndim for p in decayed["params"]} == {2, 4}
    assert {p.ndim for p in free["params"]} == {1}
    assert (decayed.get("orthogonal"), free.get("orthogonal")) == ((True, False) if name == "muon" else (None, None))


def test_on_a_cpu_rates_are_numbers():
    for name in (*CAPTURABLE, "lars"):
        optimiser = make_optimiser(replace(SMALL, optimiser=name), *networks(SMALL, CPU))
        assert [group["lr"] for group in optimiser.param_groups] == [SMALL.learning_rate] * 2
        assert all(isinstance(group["lr"], float) for group in optimiser.param_groups)


@pytest.mark.parametrize("name", ["muon", "lars"])
def test_without_timm_a_sentence_says_what_to_install(name, monkeypatch):
    for module in [module for module in sys.modules if module.split(".")[0] == "timm"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "timm", None)
    config = replace(SMALL, optimiser=name)
    with pytest.raises(ValueError, match=rf"(?i){name}.*timm.*pip install timm"):
        make_optimiser(config, *networks(config, CPU))
    assert make_optimiser(replace(SMALL, optimiser="adamw"), *networks(SMALL, CPU))


def test_the_learning_rate_rises_linearly_and_falls_as_a_cosine():
    config = replace(SMALL, learning_rate=1.0, warmup_steps=10)
    rates = [learning_rate(config, step, 110) for step in range(110)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rates[60] == pytest.approx(0.5)
    assert rates[-1] < 1e-3
    assert rates[10:] == sorted(rates[10:], reverse=True)
    # a run that is shorter than its warm-up still reaches the peak
    assert max(learning_rate(config, step, 12) for step in range(12)) == pytest.approx(1.0)
