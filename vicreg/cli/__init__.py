"""The command line, `python -m vicreg`: one file per group of commands."""
