"""The maps that a run's table of choices holds, by name: the library writes them, tables and pages look them up."""

NEIGHBOURS = 15  # true neighbours of an image that a map may keep
PERPLEXITIES = (5, 30, 100)
SEEDS = (0, 1)
# `p30_s1`: t-SNE with perplexity 30 from the random places of seed 1
MAP_CHOICES = {
    f"p{perplexity}_s{seed}": {"perplexity": perplexity, "seed": seed} for perplexity in PERPLEXITIES for seed in SEEDS
}
