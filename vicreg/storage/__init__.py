"""The ground floor: paths, files, JSON that somebody else wrote, the client of the Hugging Face Hub."""
