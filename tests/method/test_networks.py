"""The networks: sizes, shapes, what a representation is made of, and that pixels are normalised inside."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from vicreg.config import ENCODERS, Config
from vicreg.method.encoder_shapes import ENCODER_SHAPES
from vicreg.method.networks import PIXEL_MEAN, PIXEL_STD, Block, Encoder, Expander, make_networks, networks

WIDTHS = {"tiny": 512, "lean": 960, "resnet18": 960}
# Channels of every stage, in its order, and the part of the image's side that its map has left.
STAGES = {
    "tiny": ((32, 2), (64, 4), (80, 8), (512, 8)),
    "lean": ((64, 2), (128, 4), (256, 8), (512, 8)),
    "resnet18": ((64, 1), (128, 2), (256, 4), (512, 8)),
}


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def used(name: str) -> Encoder:
    """An encoder in eval mode whose BatchNorm has running averages of its own."""
    torch.manual_seed(0)
    encoder = Encoder(name)
    with torch.no_grad():
        encoder(torch.rand(8, 3, 32, 32))
    return encoder.eval()


def maps_of(encoder: Encoder, images: torch.Tensor) -> list[torch.Tensor]:
    """Every stage's map, first to last, by the definition."""
    maps = encoder.stem((images - torch.tensor(PIXEL_MEAN).view(3, 1, 1)) / torch.tensor(PIXEL_STD).view(3, 1, 1))
    found = []
    for stage in encoder.stages:
        maps = stage(maps)
        found.append(maps)
    return found


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_have_the_sizes_they_are_described_with(name):
    assert round(parameters(Encoder(name)) / 1e6, 1) == ENCODER_SHAPES[name].parameters


def test_resnet18_has_torchvisions_parameters_but_for_its_stem_and_classifier():
    from torchvision.models import resnet18

    theirs = resnet18()
    ours = Encoder("resnet18")
    stem = theirs.conv1.weight.numel() - ours.stem[0].weight.numel()
    assert parameters(ours) == parameters(theirs) - parameters(theirs.fc) - stem


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("side", [8, 24, 32])
def test_any_image_size_gives_a_representation_of_the_encoders_width(name, side):
    encoder = Encoder(name).eval()
    assert encoder.width == ENCODER_SHAPES[name].width == WIDTHS[name]
    with torch.inference_mode():
        assert encoder(torch.rand(2, 3, side, side)).shape == (2, WIDTHS[name])


def test_the_lean_stem_is_convolution_norm_relu_and_pool_to_the_last_bit():
    stem = Encoder("lean").stem
    filters, norm, pool, relu = stem
    found = []
    for network in (stem, nn.Sequential(filters, norm, relu, pool)):
        network.zero_grad()
        out = network(torch.rand(8, 3, 24, 24, generator=torch.Generator().manual_seed(0)))
        (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
        found.append([out.detach().clone(), filters.weight.grad.clone(), norm.weight.grad.clone()])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("name", ENCODERS)
def test_each_stages_map_has_its_channels_and_halves_the_one_before(name):
    with torch.inference_mode():
        maps = maps_of(used(name), torch.rand(1, 3, 32, 32))
    assert [m.shape[1:] for m in maps] == [(channels, 32 // part, 32 // part) for channels, part in STAGES[name]]


@pytest.mark.parametrize("name", ENCODERS)
def test_a_representation_joins_the_means_of_all_stages_or_is_the_last(name):
    encoder, images = used(name), torch.rand(4, 3, 32, 32)
    with torch.inference_mode():
        wanted = [maps.flatten(2).mean(dim=2) for maps in maps_of(encoder, images)]
        means, representations = encoder.stage_means(images), encoder(images)
    for found, mean in zip(means, wanted, strict=True):
        torch.testing.assert_close(found, mean, atol=1e-5, rtol=1e-5)
    joined = name != "tiny"
    torch.testing.assert_close(
        representations, torch.cat(wanted, dim=1) if joined else wanted[-1], atol=1e-5, rtol=1e-5
    )
    assert encoder.joined == joined
    for one, other in pairwise(wanted):
        assert one.abs().max() > 0
        assert one.shape != other.shape or not torch.allclose(one, other)


@pytest.mark.parametrize("name", ENCODERS)
def test_pixels_enter_the_stem_normalised_by_channel(name):
    encoder = Encoder(name).eval()
    seen = []
    encoder.stem.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (PIXEL_MEAN, PIXEL_STD))
    for shift in (0.0, 1.0):
        encoder((mean + shift * std).expand(1, 3, 32, 32))
        torch.testing.assert_close(seen[-1], torch.full((1, 3, 32, 32), shift), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ENCODERS)
def test_an_image_alone_and_in_a_batch_is_represented_alike_in_eval_mode(name):
    encoder, images = used(name), torch.rand(4, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(images)[2], encoder(images[2:3])[0], atol=1e-5, rtol=1e-4)


def test_the_expander_has_three_linear_layers_of_the_given_widths():
    expander = Expander(40, (96, 80, 64))
    layers = [layer for layer in expander.layers if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in layers] == [(40, 96), (96, 80), (80, 64)]
    assert expander(torch.rand(4, 40)).shape == (4, 64)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_configs_networks_fit_each_other(name):
    encoder, expander = make_networks(Config(encoder=name, expander=(24, 16, 8)))
    assert (encoder.name, expander.layers[0].in_features) == (name, WIDTHS[name])
    assert expander(encoder(torch.rand(2, 3, 16, 16))).shape == (2, 8)


def test_networks_are_decided_by_the_configs_seed_alone():
    config, cpu = Config(encoder="tiny", expander=(8, 8, 4)), torch.device("cpu")
    torch.manual_seed(5)
    one = networks(config, cpu)
    torch.manual_seed(6)
    before = torch.random.get_rng_state()
    same, other = networks(config, cpu), networks(Config(encoder="tiny", expander=(8, 8, 4), seed=1), cpu)
    assert torch.equal(torch.random.get_rng_state(), before)
    for part in range(2):
        weights, again, others = (list(nets[part].parameters()) for nets in (one, same, other))
        assert all(torch.equal(a, b) for a, b in zip(weights, again, strict=True))
        assert any(not torch.equal(a, b) for a, b in zip(weights, others, strict=True))


def test_making_networks_seeds_no_cuda_device(monkeypatch):
    config, cpu = Config(encoder="tiny", expander=(8, 8, 4), seed=3), torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("every CUDA device was seeded"))
    encoder, _ = networks(config, cpu)
    monkeypatch.undo()
    torch.manual_seed(3)
    assert torch.equal(encoder.stem[0].weight, Encoder("tiny").stem[0].weight)  # what the CPU's generator draws


def test_an_unknown_encoder_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="lean, resnet18, got 'vit'"):
        Encoder("vit")


def test_a_block_is_torchvisions_with_the_same_draws():
    from torchvision.models.resnet import BasicBlock

    for channels, out, stride in ((8, 8, 1), (8, 16, 2)):
        torch.manual_seed(0)
        ours = Block(channels, out, stride=stride)
        torch.manual_seed(0)
        shortcut = None
        if channels != out:
            shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        theirs = BasicBlock(channels, out, stride, shortcut)
        assert ours.state_dict().keys() == theirs.state_dict().keys()
        assert all(torch.equal(ours.state_dict()[key], value) for key, value in theirs.state_dict().items())
        maps = torch.rand(2, channels, 8, 8)
        assert torch.equal(ours(maps), theirs(maps))
