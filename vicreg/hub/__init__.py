"""Runs on the Hugging Face Hub: what a repository offers, bringing runs in, putting runs there."""
