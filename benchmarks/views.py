"""Our batched views against kornia's, on the same images and settings, interleaved.

pip install kornia && python -m benchmarks.views [--rounds 20] [--images 512]
"""

import argparse
import time
from statistics import median

import torch

from vicreg.config import ViewConfig
from vicreg.method.views import augmented_views
from vicreg.training.step import seeded


def main() -> None:
    """Print the median milliseconds of both and the ratio, round by round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--images", type=int, default=512)
    options = parser.parse_args()
    from kornia import augmentation as kornia

    config = ViewConfig()
    theirs = kornia.AugmentationSequential(
        kornia.RandomResizedCrop((config.size, config.size), scale=config.crop_scale, p=1.0),
        kornia.RandomHorizontalFlip(p=0.5),
        kornia.ColorJitter(config.brightness, config.contrast, config.saturation, config.hue, p=0.8),
        kornia.RandomGrayscale(p=0.2),
        kornia.RandomGaussianBlur((3, 3), (0.1, 2.0), p=0.5),
        data_keys=["input"],
        same_on_batch=False,
    )
    images = torch.rand(options.images, 3, 32, 32, generator=seeded(0, 9, 0))
    times: dict[str, list[float]] = {"ours": [], "kornia": []}
    for i in range(options.rounds + 2):
        for name, make in (
            ("ours", lambda i=i: augmented_views(images, config, generator=seeded(0, 2, i))),
            ("kornia", lambda: theirs(images)),
        ):
            began = time.perf_counter()
            with torch.no_grad():
                views = make()
            if i >= 2:
                times[name].append(time.perf_counter() - began)
            assert views.shape == (options.images, 3, config.size, config.size)
    ratios = [k / o for k, o in zip(times["kornia"], times["ours"], strict=True)]
    for name, seconds in times.items():
        print(f"{name:<7} {1000 * median(seconds):8.1f} ms for {options.images} views (median of {options.rounds})")
    print(
        f"kornia / ours: {median(ratios):.1f} (from {min(ratios):.1f} to {max(ratios):.1f}), {torch.get_num_threads()} threads"
    )


if __name__ == "__main__":
    main()
