"""Basics that everything else uses: paths, files, checks for untrusted JSON, the Hugging Face Hub client."""
