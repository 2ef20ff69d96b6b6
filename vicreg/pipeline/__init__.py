"""From a Config to a finished run: data, training, evaluation, baselines."""
