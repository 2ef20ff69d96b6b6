"""The command line, `python -m vicreg`: one file a group of commands."""
