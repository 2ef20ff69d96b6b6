"""Runs on the Hugging Face Hub: list, download and publish."""
