"""From a Config to a finished run: data, training, measuring, baselines."""
