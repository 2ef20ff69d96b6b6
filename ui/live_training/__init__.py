"""The page Train: a training while it runs, what it may cost, and the one that follows it."""
