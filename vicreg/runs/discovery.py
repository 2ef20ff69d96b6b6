"""Find the runs on this machine: the bundled ones, and those trained here."""

from __future__ import annotations

from pathlib import Path

from vicreg.runs.errors import RunError
from vicreg.runs.folder import Run, open_run
from vicreg.runs.leftovers import restore_all
from vicreg.storage import paths
from vicreg.storage.paths import CONFIG_FILE

OWN = "-own"  # added to the name of one of your runs if a bundled run has this name


def find_runs() -> tuple[dict[str, Run], list[str]]:
    """All runs on this machine by name, bundled ones first, and a message for each broken folder.

    If one of your runs has the name of a bundled run, it is listed as `<name>-own`.
    """
    found: dict[str, Run] = {}
    broken: list[str] = []
    for root in (paths.BUNDLED, paths.runs_folder()):
        try:
            folders = _folders(root)
        except OSError as error:  # another user's, or on a disk that is gone
            broken.append(
                f"The runs in the folder {root.name} cannot be listed ({error.strerror}): allow this user to read it, or set "
                "VICREG_RUNS to another folder"
            )
            continue
        for folder in folders:
            try:
                if folder.name.startswith(".") or not (folder / CONFIG_FILE).is_file():
                    continue
                run = open_run(folder)
            except OSError as error:  # another user's, or removed since it was listed
                broken.append(
                    f"{folder.name} cannot be read ({error.strerror}): allow this user to read it, or remove it"
                )
                continue
            except RunError as error:
                broken.append(str(error))
                continue
            found[run.name if run.name not in found else f"{run.name}{OWN}"] = run
    return found, broken


def _folders(root: Path) -> list[Path]:
    """What a folder of runs contains; empty if there is no such folder."""
    if not root.is_dir():
        return []
    restore_all(root)
    return sorted(root.iterdir())
