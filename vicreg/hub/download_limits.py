"""The most that is read or downloaded from a repository on the Hub, which may be anybody's."""

MAX_INDEX_BYTES = 1_000_000
MAX_RUNS = 100
MAX_FILES = 100  # per run
MAX_FILE_BYTES = 150_000_000
MAX_RUN_BYTES = 300_000_000
