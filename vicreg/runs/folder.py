"""The folder of a run: written atomically, checked when opened.

    model.safetensors   encoder and expander, matrices in half precision
    history.csv         one row per epoch and split: the three unweighted terms, total, learning rate, seconds
    metrics.json        all figures, with protocols and intervals
    results/*.parquet   data for the pages, without images
    README.md           the model card, generated from the other files
    config.json         the Config, sources of the images, versions, and the sha256 of every other file; written last

A baseline (`vicreg.pipeline.baselines`) has no weights and no history. It is computed from the images when needed.

A folder is written under a temporary name and then renamed, so after a crash the old run or the new one is there. A folder
without config.json is unfinished. torch is imported only when `encoder` or `expander` is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from vicreg.config import Config
from vicreg.runs import json_rules
from vicreg.runs.errors import RunError
from vicreg.runs.json_files import SCHEMA, metrics_of, plain_name, settings_of
from vicreg.runs.leftovers import drafts, restore, sweep
from vicreg.storage.files import NOT_FETCHED, is_lfs_pointer, sha256, to_json
from vicreg.storage.json_values import JsonObject
from vicreg.storage.paths import CONFIG_FILE, HISTORY_FILE, METRICS_FILE, WEIGHTS_FILE

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from vicreg.method.networks import Encoder, Expander


@dataclass(frozen=True)
class Run:
    """One preset trained on one data set with one seed, or a baseline.

    folder: its path. config: its settings. record: config.json as a dict (device, seconds, versions, data, files).
    """

    folder: Path
    config: Config
    record: JsonObject

    @property
    def name(self) -> str:
        """The name of the folder, by default `<dataset>-<preset>`."""
        return self.folder.name

    @property
    def title(self) -> str:
        """The name on pages, such as `cifar10/vicreg`."""
        prefix = f"{self.config.dataset}-"
        return f"{self.config.dataset}/{self.name.removeprefix(prefix)}" if self.name.startswith(prefix) else self.name

    @property
    def baseline(self) -> str:
        """`untrained`, `pixels` or `laplacian` for a baseline; empty for a trained run."""
        return self.record.get("baseline", {}).get("name", "")

    @property
    def has_network(self) -> bool:
        """Whether the run has an encoder. Only some baselines have none."""
        return self.baseline in ("", "untrained")

    @property
    def numbering(self) -> str:
        """The hash of the image fingerprints, or empty. Runs with equal values number the same images in the same order."""
        return self.record["files"].get("results/fingerprints.parquet", {}).get("sha256", "")

    @property
    def weights_sha256(self) -> str:
        """The recorded hash of the weights; for a baseline, of everything that determines it."""
        if self.baseline:
            decided = json.dumps([self.record["baseline"], self.config.to_dict(), self.record["data"]], sort_keys=True)
            return hashlib.sha256(decided.encode()).hexdigest()
        return self.record["files"][WEIGHTS_FILE]["sha256"]

    @cached_property
    def content(self) -> str:
        """The folder and a hash of config.json, which has the hashes of all files: it changes with the content."""
        record = json.dumps(self.record).encode()
        return f"{self.folder}:{hashlib.blake2b(record, digest_size=20).hexdigest()}"

    @cached_property
    def metrics(self) -> JsonObject:
        """metrics.json; an empty dict if the run is not evaluated yet. Do not change it: runs of equal content share it."""
        if METRICS_FILE not in self.record["files"]:
            return {}
        return metrics_of(self._checked(METRICS_FILE), self.name, classes=len(self._classes), baseline=self.baseline)

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch and split, with the columns `history.HISTORY`: the unweighted terms, the total, and more."""
        from vicreg.runs.history import read_history

        return read_history(self._checked(HISTORY_FILE), run=self.name)

    @property
    def last_losses(self) -> dict[str, float]:
        """The unweighted terms and the total on test images at the end, by name. Reads history.csv without pandas."""
        from vicreg.runs.history import last_losses

        return last_losses(self._checked(HISTORY_FILE), run=self.name)

    @property
    def fingerprints(self) -> dict[str, np.ndarray]:
        """The columns of the table `fingerprints`, each (N,) integers, without pandas. Raises RunError, as `results`."""
        return self._fingerprints(self._measured)

    def has(self, result: str) -> bool:
        """Whether the run contains results/<result>.parquet."""
        return f"results/{result}.parquet" in self.record["files"]

    def results(self, name: str) -> pd.DataFrame:
        """The table results/<name>.parquet; half precision becomes single.

        Raises RunError if the run has no such table (naming those it has), or if the table breaks the rules.
        """
        from vicreg.runs.result_table_checks import read_table

        path, known = self._result(name), self._measured
        return read_table(path, name, run=self.name, classes=self._classes, measured=known, baseline=self.baseline)

    def _result(self, name: str) -> Path:
        """The path of a table, after checking its hash."""
        file = f"results/{name}.parquet"
        if file not in self.record["files"]:
            have = sorted(Path(f).stem for f in self.record["files"] if f.startswith("results/"))
            raise RunError(
                f"{self.name} has no result {name!r} (available: {', '.join(have) or 'none'}); "
                f"`python -m vicreg evaluate {self.name}` creates missing results"
            )
        return self._checked(file)

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder in eval mode, on the CPU, in float32: (B, 3, H, W) in [0, 1] -> (B, width)."""
        return cast("Encoder", self._network("encoder"))

    @cached_property
    def expander(self) -> Expander:
        """The expander in eval mode, on the CPU, in float32: (B, width) -> (B, D)."""
        return cast("Expander", self._network("expander"))

    def _network(self, part: str) -> Encoder | Expander:
        if self.baseline not in ("", "untrained"):
            raise RunError(f"{self.name} has no network: it is a baseline without one")
        import torch

        if self.baseline:
            from vicreg.method.networks import networks

            return networks(self.config, torch.device("cpu"))[part == "expander"].eval()
        from vicreg.method.networks import make_networks
        from vicreg.runs.weights import read_weights

        with torch.device("meta"):  # compare names and shapes before allocating anything of the config's size
            parts = dict(zip(("encoder", "expander"), make_networks(self.config), strict=True))
            wanted = {f"{name}.{key}": t for name, new in parts.items() for key, t in new.state_dict().items()}
        path = self._checked(WEIGHTS_FILE)
        try:
            tensors = read_weights(path, wanted, part=part)
        except ValueError as error:
            raise RunError(
                f"{self.name}/{WEIGHTS_FILE} does not fit the run's networks: {error}; download or train the run again"
            ) from error
        with torch.random.fork_rng(devices=[]), torch.device("cpu"):  # initial weights, which are replaced, are drawn
            network = make_networks(self.config)[part == "expander"]
        network.load_state_dict(tensors)
        return network.eval()

    @property
    def _classes(self) -> tuple[str, ...]:
        from vicreg.data.catalogue import class_names

        return class_names(self.config.dataset)

    @cached_property
    def _measured(self) -> json_rules.Measured:
        """What the run was measured on, according to its metrics or its number of fingerprints."""
        found = json_rules.Measured()
        with suppress(RunError):  # the error is reported when the metrics themselves are read
            found = json_rules.measured(self.metrics)
        if found.images is None and self.has("fingerprints"):
            with suppress(RunError):
                found = json_rules.Measured(images=self._fingerprints(found)["label"].size)
        return found

    def _fingerprints(self, measured: json_rules.Measured) -> dict[str, np.ndarray]:
        from vicreg.runs.result_table_checks import read_integers

        path = self._result("fingerprints")
        return read_integers(path, "fingerprints", run=self.name, classes=self._classes, measured=measured)

    def _checked(self, file: str) -> Path:
        """The path of a file, after checking its sha256 against config.json."""
        path = self.folder / file
        wanted = self.record["files"].get(file, {}).get("sha256")
        if wanted is None:
            raise RunError(
                f"{self.name}/{CONFIG_FILE} does not list {file}; the run is incomplete, download or train it again"
            )
        if not path.is_file():
            raise RunError(f"{self.name}/{file} is missing; download or train the run again")
        if is_lfs_pointer(path):
            raise RunError(f"{self.name}/{file} {NOT_FETCHED}")
        if sha256(path) != wanted:
            raise RunError(
                f"{self.name}/{file} is damaged (its sha256 differs from the recorded one); download or train the run again"
            )
        return path


def open_run(folder: str | Path) -> Run:
    """Open the run in a folder. Schema and config are checked now, the other files when first read.

    Raises RunError, naming the broken file, if there is no finished run, or if this version cannot read it.
    """
    folder = Path(os.path.abspath(folder))  # "." and "name/.." have no name
    path = folder / CONFIG_FILE
    restore(folder)
    if not path.is_file():
        raise RunError(f"{folder.name} contains no finished run: {CONFIG_FILE} is missing")
    config, record = settings_of(path, folder.name)
    return Run(folder=folder, config=config, record=record)


def verify(run: Run) -> None:
    """Check the sha256 of every file. Raises RunError for the first missing or damaged file."""
    for file in run.record["files"]:
        run._checked(file)


def write_run(folder: str | Path, files: Mapping[str, bytes], record: Mapping[str, object]) -> Run:
    """Write a run: `files` by name, then config.json with the record and the sha256 and size of every file.

    The folder is written under a temporary name, flushed, and renamed. An existing run stays until then.
    record: the contents of config.json, without `schema` and `files`.
    """
    folder = Path(os.path.abspath(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = drafts(folder)
    sweep(folder)
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        listed = {}
        for name, content in sorted(files.items()):
            if not plain_name(name):
                raise ValueError(f"a file name must be a relative path inside the run's folder, got {name!r}")
            _write(fresh / name, content)
            listed[name] = {"sha256": sha256(fresh / name), "bytes": len(content)}
        _write(fresh / CONFIG_FILE, to_json({"schema": SCHEMA, **record, "files": listed}))
        if folder.exists():
            os.rename(folder, old)
        os.rename(fresh, folder)  # a process killed before this line leaves the old run to `restore`
    finally:
        if old.exists() and not folder.exists():
            os.rename(old, folder)
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return open_run(folder)


def update_run(run: Run, files: Mapping[str, bytes], *, without: Sequence[str] = ()) -> Run:
    """Add or replace `files`, remove those in `without`, and write the run as `write_run` does."""
    gone = {*files, *without}
    kept = {name: run._checked(name).read_bytes() for name in run.record["files"] if name not in gone}
    record = {name: value for name, value in run.record.items() if name not in ("schema", "files")}
    return write_run(run.folder, {**kept, **files}, record)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
