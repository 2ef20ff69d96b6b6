"""Training: the loop, one step, saved states, snapshots, and several processes."""
