"""The settings of the extra t-SNE maps of a run, by name. The library writes these maps, tables and pages look them up."""

NEIGHBOURS = 15  # nearest images in representation space that are looked for on a map
PERPLEXITIES = (5, 30, 100)
SEEDS = (0, 1)
# `p30_s1`: t-SNE with perplexity 30, started from random positions with seed 1
MAP_CHOICES = {
    f"p{perplexity}_s{seed}": {"perplexity": perplexity, "seed": seed} for perplexity in PERPLEXITIES for seed in SEEDS
}
