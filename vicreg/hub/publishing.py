"""Publish runs on the Hugging Face Hub: one folder per run, index.json, and a model card that lists them all.

Each publish is a single commit, or none. It compares the local files with the index on the Hub and uploads only files whose
sha256 differs. Other runs in the repository are kept. `vicreg.hub.run_downloads` reads what is written here.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vicreg.hub.download_limits import MAX_FILE_BYTES, MAX_FILES, MAX_INDEX_BYTES, MAX_RUN_BYTES
from vicreg.hub.index import INDEX, INDEX_SCHEMA, index_value, read_index, run_name
from vicreg.hub.repository_card import CARD, repo_card
from vicreg.runs.folder import Run, verify
from vicreg.runs.json_files import SCHEMA
from vicreg.storage import hub_client, hub_file
from vicreg.storage.files import to_json
from vicreg.storage.hub_client import Listing
from vicreg.storage.hub_errors import HubError, sentence
from vicreg.storage.json_values import JsonObject

OnStage = Callable[[str, int, int], None]


def publish(
    repo: str,
    runs: Sequence[Run],
    *,
    token: str | None = None,
    private: bool = False,
    on_progress: OnStage = lambda label, done, total: None,
) -> str:
    """Upload runs and return the commit that holds them, 40 hex digits to pin.

    repo: `OWNER/NAME`; created if it does not exist, `private` or public. If nothing has changed, there is no commit, and
    the current one is returned. token: a Hub token; default: that of `hf auth login`.
    on_progress(label, done, total): runs checked so far. (The Hub's client shows the upload on stderr.)

    Raises ValueError without runs, RunError for a damaged run and HubError for everything else. The repository is then
    unchanged, and none is created.
    """
    if not runs:
        raise ValueError("there are no runs to publish: name at least one run")
    repo, revision = hub_client.parse(repo)
    if revision != "main":
        raise HubError(f"Runs are published to the main branch: use {repo} without @{revision}.")
    ours = {}
    for number, run in enumerate(runs):
        on_progress("checking", number, len(runs))
        if not run_name(run.name):
            raise HubError(
                f"The name of a run on the Hub must be plain and lower case, got {run.name!r}: rename its folder."
            )
        if run.name in ours:
            raise HubError(f"Two runs are named {run.name}: publish only one of them, or rename a folder.")
        verify(run)
        ours[run.name] = index_value(run)
        _check_sizes(run.name, ours[run.name])
    on_progress("checking", len(runs), len(runs))

    head = _head(repo, token=token, private=private)
    theirs = _index(head, token=token)
    listed = dict(sorted({**theirs, **ours}.items()))
    content = to_json({"schema": INDEX_SCHEMA, "runs": listed})
    read_index(
        content, repo=repo, revision=revision, commit=head.commit, sizes=None
    )  # do not upload a run that cannot be read

    added = {f"{run.name}/{path}": run.folder / path for run in runs for path in _changed(run.name, ours, theirs, head)}
    gone = [
        f"{name}/{path}"
        for name in ours
        for path in _files(theirs, name)
        if path not in ours[name]["files"] and f"{name}/{path}" in head.sizes
    ]
    if not added and not gone and ours.items() <= theirs.items() and CARD in head.sizes:
        return head.commit
    return _commit(repo, head, {**added, INDEX: content, CARD: repo_card(repo, listed).encode()}, gone, token=token)


def _check_sizes(name: str, entry: JsonObject) -> None:
    """Raise HubError, naming the file, for a run that nobody could download."""
    sizes = {path: file["bytes"] for path, file in entry["files"].items()}
    largest = max(sizes, key=lambda path: sizes[path])
    size, total = (f"{count / 1e6:,.1f} MB" for count in (sizes[largest], entry["bytes"]))
    file_bound, run_bound = (f"{count / 1e6:.0f} MB" for count in (MAX_FILE_BYTES, MAX_RUN_BYTES))
    way_out = "Publish another run, or train one with a smaller encoder or expander."
    if sizes[largest] > MAX_FILE_BYTES:
        raise HubError(f"{name}/{largest} has {size}, but a file on the Hub may have at most {file_bound}. {way_out}")
    if entry["bytes"] > MAX_RUN_BYTES:
        largest_file = f"its largest file is {largest} with {size}"
        raise HubError(
            f"{name} has {total}, but a run on the Hub may have at most {run_bound}; {largest_file}. {way_out}"
        )
    if len(sizes) > MAX_FILES:
        raise HubError(
            f"{name} has {len(sizes)} files, but a run on the Hub may have at most {MAX_FILES}: remove some."
        )


def _head(repo: str, *, token: str | None, private: bool) -> Listing:
    """The current files of the repository, which is created if it does not exist."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return hub_client.probe(repo, token=token)
    except HubError as error:
        missing = isinstance(error.__cause__, RepositoryNotFoundError)
        if not missing or isinstance(error.__cause__, GatedRepoError):
            raise
    try:
        hub_client.retried(lambda: HfApi(token=token).create_repo(repo, private=private, exist_ok=True))
    except Exception as error:
        raise HubError(sentence(error, repo=repo)) from error
    return hub_client.probe(repo, token=token)


def _index(head: Listing, *, token: str | None) -> dict[str, JsonObject]:
    """`runs` of the current index on the Hub; empty if there is none."""
    if INDEX not in head.sizes:
        return {}
    path = hub_file.fetch(head.repo, INDEX, commit=head.commit, max_bytes=MAX_INDEX_BYTES, token=token)
    content = path.read_bytes()
    read_index(content, repo=head.repo, revision="main", commit=head.commit, sizes=None)
    return json.loads(content)["runs"]


def _files(runs: Mapping[str, JsonObject], name: str) -> dict[str, JsonObject]:
    """The files of a run in a checked index; empty if it is not listed or has another schema."""
    return runs[name]["files"] if name in runs and runs[name]["schema"] == SCHEMA else {}


def _changed(name: str, ours: Mapping[str, JsonObject], theirs: Mapping[str, JsonObject], head: Listing) -> list[str]:
    before = _files(theirs, name)
    return [
        path
        for path, file in ours[name]["files"].items()
        if before.get(path) != file or head.sizes.get(f"{name}/{path}") not in (-1, file["bytes"])
    ]


def _commit(
    repo: str, head: Listing, added: Mapping[str, bytes | Path], gone: Sequence[str], *, token: str | None
) -> str:
    """Make one commit. added: path -> bytes or file. gone: paths to delete."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        CommitOperationAdd(path, content if isinstance(content, bytes) else str(content))
        for path, content in added.items()
    ]
    operations += [CommitOperationDelete(path) for path in gone]
    names = sorted({path.partition("/")[0] for path in (*added, *gone) if "/" in path})
    try:
        with warnings.catch_warnings():  # the client warns that parquet files belong in data sets; ours are results
            warnings.simplefilter("ignore", UserWarning)
            done = hub_client.retried(
                lambda: HfApi(token=token).create_commit(
                    repo,
                    operations,
                    commit_message=f"Publish {', '.join(names) or INDEX}"[:200],
                    parent_commit=head.commit,  # do not overwrite what others publish in the meantime
                )
            )
    except Exception as error:
        raise HubError(sentence(error, repo=repo)) from error
    return done.oid
