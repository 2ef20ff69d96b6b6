"""Training a config: the loop, one step, the saved state, snapshots, several processes."""
