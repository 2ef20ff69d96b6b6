"""The networks: sizes, shapes, and that pixels are normalised inside."""

import pytest
import torch

from vicreg.method.networks import PIXEL_MEAN, Encoder, Expander


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_encoders_have_the_sizes_they_are_described_with():
    assert parameters(Encoder("tiny")) / 1e6 == pytest.approx(0.23, abs=0.005)
    assert parameters(Encoder("compact")) / 1e6 == pytest.approx(4.9, abs=0.05)
    assert parameters(Encoder("resnet18")) / 1e6 == pytest.approx(11.2, abs=0.05)


@pytest.mark.parametrize("name", ["tiny", "compact", "resnet18"])
@pytest.mark.parametrize("side", [24, 32])
def test_any_image_size_gives_512_numbers(name, side):
    encoder = Encoder(name).eval()
    with torch.inference_mode():
        assert encoder(torch.rand(2, 3, side, side)).shape == (2, 512)


def test_the_compact_encoder_keeps_a_quarter_of_the_positions_after_its_stem():
    trunk = Encoder("compact").trunk
    stem = trunk.maxpool(trunk.conv1(torch.rand(1, 3, 32, 32)))
    assert stem.shape == (1, 64, 16, 16)
    full = Encoder("resnet18").trunk
    assert full.maxpool(full.conv1(torch.rand(1, 3, 32, 32))).shape == (1, 64, 32, 32)


def test_the_mean_pixel_enters_the_trunk_as_zero():
    encoder = Encoder("compact").eval()
    seen = []
    encoder.trunk.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    encoder(torch.tensor(PIXEL_MEAN).view(1, 3, 1, 1).expand(1, 3, 32, 32))
    assert seen[0].abs().max() < 1e-6


def test_an_image_alone_and_in_a_batch_is_represented_alike_in_eval_mode():
    encoder, images = Encoder("compact").eval(), torch.rand(4, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(images)[2], encoder(images[2:3])[0], atol=1e-5, rtol=1e-4)


def test_the_expander_has_three_linear_layers_of_the_given_widths():
    expander = Expander((96, 80, 64))
    widths = [layer.out_features for layer in expander.layers if isinstance(layer, torch.nn.Linear)]
    assert widths == [96, 80, 64]
    assert expander(torch.rand(4, 512)).shape == (4, 64)


def test_an_unknown_encoder_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="compact, resnet18, got 'vit'"):
        Encoder("vit")
