"""Views: every transform agrees with torchvision's own function, image by image, with the parameters fixed.

And neighbour views, which change no pixel: every image below holds its own row as its value, so that it names itself.
"""

from dataclasses import replace

import pytest
import torch
from torchvision.transforms.v2 import functional as reference

from vicreg.config import ViewConfig
from vicreg.method.views import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    apply_views,
    augmented_views,
    colour_jitter,
    draw_parameters,
    gaussian_blur,
    neighbour_views,
    resized_crop,
)

COUNT = 32
TOLERANCE = 2e-5  # of values in [0, 1]; a grey level is 4e-3
OFF = ViewConfig(crop=False, flip=False, jitter=False, greyscale=False, blur=False, size=32)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    """Noise, and smooth ramps with flat, grey, black and white parts, where hue and chroma are degenerate."""
    noise = torch.rand(COUNT // 2, 3, 32, 32, generator=generator())
    ramps = torch.rand(COUNT // 2, 3, 1, 1, generator=generator(1)) * torch.linspace(0, 1.5, 32)
    ramps = ramps.expand(-1, 3, 32, 32).clamp(0, 1).clone()
    ramps[0], ramps[1], ramps[2] = 0.0, 1.0, 0.5
    ramps[3, 1:] = 0.0
    return torch.cat([noise, ramps])


@pytest.fixture(scope="module")
def drawn():
    return draw_parameters(COUNT, 32, 32, ViewConfig(), generator=generator(7))


def test_crop_resize_and_flip_agree_with_torchvision(images, drawn):
    for size in (24, 32, 40):
        ours = resized_crop(images, drawn.box, drawn.flip, size)
        for i in range(COUNT):
            top, left, height, width = drawn.box[i].tolist()
            theirs = reference.resized_crop(images[i], top, left, height, width, [size, size], antialias=True)
            theirs = reference.horizontal_flip(theirs) if drawn.flip[i] else theirs
            torch.testing.assert_close(ours[i], theirs, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    ("ours", "theirs", "field"),
    [
        (adjust_brightness, reference.adjust_brightness, "brightness"),
        (adjust_contrast, reference.adjust_contrast, "contrast"),
        (adjust_saturation, reference.adjust_saturation, "saturation"),
        (adjust_hue, reference.adjust_hue, "hue"),
        (gaussian_blur, lambda x, sigma: reference.gaussian_blur(x, [3, 3], [sigma, sigma]), "sigma"),
    ],
)
def test_each_change_agrees_with_torchvision(images, drawn, ours, theirs, field):
    values = getattr(drawn, field)
    batched = ours(images, values)
    for i in range(COUNT):
        torch.testing.assert_close(batched[i], theirs(images[i], values[i].item()), atol=TOLERANCE, rtol=0)


def test_the_colour_changes_are_made_in_the_order_drawn(images, drawn):
    functions = (
        (reference.adjust_brightness, drawn.brightness),
        (reference.adjust_contrast, drawn.contrast),
        (reference.adjust_saturation, drawn.saturation),
        (reference.adjust_hue, drawn.hue),
    )
    ours = colour_jitter(images, drawn)
    for i in range(COUNT):
        theirs = images[i]
        for step in drawn.order:
            function, values = functions[step]
            theirs = function(theirs, values[i].item()) if drawn.jitter[i] else theirs
        torch.testing.assert_close(ours[i], theirs, atol=10 * TOLERANCE, rtol=0)


def test_greyscale_agrees_with_torchvision(images):
    config = replace(OFF, greyscale=True, greyscale_probability=1.0)
    views = augmented_views(images, config, generator=generator())
    torch.testing.assert_close(views, reference.rgb_to_grayscale(images, 3), atol=TOLERANCE, rtol=0)


def test_with_every_switch_off_a_view_is_the_image(images):
    torch.testing.assert_close(augmented_views(images, OFF, generator=generator()), images, atol=1e-6, rtol=0)


@pytest.mark.parametrize("switch", ["crop", "flip", "jitter", "greyscale", "blur"])
def test_each_switch_turns_its_transform_off_and_leaves_the_rest(images, switch):
    config = ViewConfig(blur=True)
    without = replace(config, **{switch: False})
    with_all = draw_parameters(COUNT, 32, 32, config, generator=generator(3))
    fewer = draw_parameters(COUNT, 32, 32, without, generator=generator(3))
    changed = {name for name in with_all._fields if not _same(getattr(with_all, name), getattr(fewer, name))}
    assert changed == {"box" if switch == "crop" else switch}
    assert not torch.equal(apply_views(images, with_all, config), apply_views(images, fewer, without))


def test_a_generator_makes_views_reproducible(images):
    one, two = (augmented_views(images, ViewConfig(), generator=generator(5)) for _ in range(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, augmented_views(images, ViewConfig(), generator=generator(6)))


def test_two_images_of_a_batch_get_different_parameters(images):
    same = images[:1].expand(COUNT, -1, -1, -1)
    views = augmented_views(same, ViewConfig(), generator=generator())
    for i in range(1, COUNT):
        assert not torch.equal(views[0], views[i])


def test_views_have_the_configs_size_and_stay_in_range(images):
    views = augmented_views(images, ViewConfig(size=20), generator=generator())
    assert views.shape == (COUNT, 3, 20, 20)
    assert views.min() >= -1e-6
    assert views.max() <= 1 + 1e-6


def test_parameters_have_the_configs_distributions():
    many = draw_parameters(20_000, 32, 32, ViewConfig(blur=True), generator=generator())
    area = (many.box[:, 2] * many.box[:, 3]).float() / 1024
    assert area.mean().item() == pytest.approx(0.65, abs=0.02)  # uniform between 0.3 and 1
    assert many.flip.float().mean().item() == pytest.approx(0.5, abs=0.02)
    assert many.jitter.float().mean().item() == pytest.approx(0.8, abs=0.02)
    assert many.greyscale.float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert many.blur.float().mean().item() == pytest.approx(0.5, abs=0.02)
    assert many.brightness.min() >= 0.6
    assert many.brightness.max() <= 1.4
    assert many.hue.abs().max() <= 0.1
    bottom_right = many.box[:, :2] + many.box[:, 2:]
    assert many.box.min() >= 0
    assert bottom_right.max() <= 32


@pytest.fixture(scope="module")
def named() -> torch.Tensor:
    """60 uint8 images (60, 32, 32, 3), each full of its own row."""
    return torch.arange(60, dtype=torch.uint8)[:, None, None, None].expand(-1, 32, 32, 3).contiguous()


@pytest.fixture(scope="module")
def table() -> torch.Tensor:
    """(60, 3): the nearest three others of every image among 60 random points."""
    points = torch.rand(60, 4, generator=generator(2), dtype=torch.float64)
    distances = torch.cdist(points, points).fill_diagonal_(torch.inf)
    return distances.argsort(dim=1)[:, :3]


def rows_in(views: torch.Tensor) -> torch.Tensor:
    """The row that every view was taken from, after checking that all its pixels say the same."""
    rows = views[:, 0, 0, 0]
    assert (views == rows[:, None, None, None]).all()
    return rows.long()


def test_a_neighbour_view_is_a_row_of_the_images_own_neighbours_and_never_the_image(named, table):
    rows = torch.randperm(60, generator=generator(4)).repeat(20)  # not in order: a batch is no prefix of the images
    drawn = rows_in(neighbour_views(named, rows, table, generator=generator()))
    assert (table[rows] == drawn[:, None]).any(dim=1).all()
    assert (drawn != rows).all()


def test_every_neighbour_is_drawn_equally_often(named, table):
    rows = torch.full((3000,), 17)
    drawn = rows_in(neighbour_views(named, rows, table, generator=generator()))
    counts = torch.bincount(drawn, minlength=60)[table[17]]
    assert counts.sum() == 3000
    for count in counts.tolist():  # a binomial's standard deviation is 26
        assert count == pytest.approx(1000, abs=105)


def test_one_generator_state_gives_one_draw_of_neighbours(named, table):
    rows = torch.arange(60)
    one, two, other = (neighbour_views(named, rows, table, generator=generator(seed)) for seed in (5, 5, 6))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    going_on = generator(5)
    assert torch.equal(neighbour_views(named, rows, table, generator=going_on), one)
    assert not torch.equal(neighbour_views(named, rows, table, generator=going_on), one)


def test_a_neighbour_view_has_the_pixels_of_an_image_unchanged():
    noise = torch.randint(0, 256, (9, 32, 32, 3), dtype=torch.uint8, generator=generator(8))
    before = noise.clone()
    only = torch.tensor([[3], [0], [8], [1], [2], [4], [5], [6], [7]])  # one neighbour each: nothing is left to chance
    views = neighbour_views(noise, torch.tensor([2, 0, 2]), only, generator=generator())
    assert views.dtype == torch.uint8
    assert torch.equal(views, before[[8, 3, 8]])
    assert torch.equal(noise, before)


def _same(a, b) -> bool:
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b
