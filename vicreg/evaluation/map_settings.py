"""The settings of the t-SNE maps of a run. The library writes these maps; tables and pages look them up by name."""

NEIGHBOURS = 15  # nearest images in representation space that are looked for on a map
PERPLEXITY = 30  # of the map of all test images: roughly the number of neighbours that count for each image
PERPLEXITIES = (5, 30, 100)  # of the extra maps, which show what the choice changes
SEEDS = (0, 1)
# `p30_s1`: t-SNE with perplexity 30, started from random positions with seed 1
MAP_CHOICES = {
    f"p{perplexity}_s{seed}": {"perplexity": perplexity, "seed": seed} for perplexity in PERPLEXITIES for seed in SEEDS
}
