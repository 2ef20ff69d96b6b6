"""The catalogue of pictures: a name and a split -> ImageSet, found on this machine, fetched from the Hub, or made here.

`load` looks for CIFAR-10 and MNIST in four places, in this order:

1. the folder named by VICREG_DATA, laid out as on the Hub: `<owner>/<repository>/<path in the repository>`;
2. for CIFAR-10, torchvision's own folder in it, `cifar-10-batches-py`;
3. what was decoded before from the Hub's file, and the Hugging Face Hub client's own cache of downloads;
4. the Hub itself, only when told `download=True`.

`coloured-digits` and `photo-crops` are made on the spot (`vicreg.data.coloured_digits`). Decoding or making ten
thousand pictures takes seconds, so that is done once: the arrays are kept in the user's cache folder (`cache_folder`) and
opened from there as a memory map. That folder may be deleted at any time.

CIFAR-10: Krizhevsky, "Learning multiple layers of features from tiny images" (2009). MNIST: LeCun, Cortes, Burges.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from vicreg.data.catalogue import CATALOGUE, Spec
from vicreg.data.hub_parquet import SIDE, DataError, Progress
from vicreg.storage.paths import cache_folder

__all__ = ["CATALOGUE", "SIDE", "DataError", "ImageSet", "PicturesMissing", "available", "fetch", "load"]

MADE = 1  # a new number whenever `vicreg.data.coloured_digits` makes other pictures


class PicturesMissing(FileNotFoundError):
    """The pictures are not on this machine and were not, or could not be, fetched; the message says both ways out."""


@dataclass(frozen=True)
class Source:
    """Where pictures came from. description: a sentence for readers, with no path of this machine in it.

    file: `<owner>/<repository>/<path in the repository>`, or what it was made of. sha256: of that file, or of the pixels
    where they were made here, in hexadecimal.
    """

    description: str
    file: str
    sha256: str


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures with labels. images: (N, 32, 32, 3) uint8 RGB; labels: (N,) int64, into classes; all read-only.

    attributes: what else is known of each picture, such as the ink's colour: name -> (N,) int64, into the catalogue's
    names of that attribute's values.
    """

    name: str
    split: str
    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    source: Source
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)


def class_names(name: str) -> tuple[str, ...]:
    """The names of a data set's classes, by label. Raises ValueError for a name that is not in the catalogue."""
    return _spec(name).classes


def load(name: str, split: str, *, download: bool = False, on_progress: Progress | None = None) -> ImageSet:
    """The pictures of one split, in the order of its file.

    MNIST's 28 x 28 grey digits get two black pixels on every side and three equal channels. download: whether the
    network may be used, if the pictures are nowhere on this machine. on_progress(done, total): called every few hundred
    pictures while they are decoded, which happens once. Where the cache folder cannot be written, the pictures are
    decoded into memory each time.

    Raises ValueError for an unknown name or split, PicturesMissing if there are no pictures, DataError if the file that
    was found cannot be used.
    """
    spec = _spec(name, split)
    if not spec.repo:
        entry, from_hub = _entries() / f"{name}-{split}-made-{MADE}", False
        kept = _open(entry, name, split)
        if kept is not None:
            return kept
        found = _make(name, split)
    else:
        files, from_hub = _local(name, split), False
        if not files:
            kept = _decoded_from_hub(name, split)
            if kept is not None:
                return kept
            file, from_hub = _file_in_hub_cache(spec, split), True
            if file is None:
                if not download:
                    raise PicturesMissing(_how_to_get(name, split))
                file = fetch(name, split)
            files = [file]
        entry = _entries() / f"{name}-{split}-{_key(files)}"
        kept = _open(entry, name, split)
        if kept is not None:
            return kept
        found = _decode(files, name, split, from_hub=from_hub, on_progress=on_progress)
    try:
        _keep(entry, found, from_hub=from_hub)
    except OSError:  # a read-only home or a full disk: carry on in memory
        return found
    return _open(entry, name, split) or found


def available(name: str, split: str) -> bool:
    """Whether `load` would find the pictures without the network. Reads no pictures."""
    spec = _spec(name, split)
    return (
        not spec.repo
        or bool(_local(name, split))
        or _decoded_from_hub(name, split) is not None
        or _file_in_hub_cache(spec, split) is not None
    )


def fetch(
    name: str,
    split: str,
    *,
    on_bytes: Progress = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Bring a split's file from the Hub into the Hub client's cache, and return it. It is not decoded yet.

    The Hub is asked first, which takes 3 seconds at most. on_bytes(done, total): bytes of the download. Raises
    PicturesMissing where it cannot be had, and hub_client.Cancelled where should_stop() ended it.
    """
    from vicreg.storage import hub_client

    spec = _spec(name, split)
    path, about = spec.splits[split].path, spec.splits[split].bytes
    try:
        listing = hub_client.probe(spec.repo, repo_type="dataset")
        if listing.sizes.get(path, -1) > 2 * about:
            raise hub_client.HubError(f"{spec.repo} holds {listing.sizes[path] / 1e6:.0f} MB there, which is too much.")
        file = hub_client.fetch(
            spec.repo,
            path,
            commit=listing.commit,
            max_bytes=2 * about,
            repo_type="dataset",
            on_bytes=on_bytes,
            should_stop=should_stop,
        )
        hub_client.remember(spec.repo, "main", listing.commit, repo_type="dataset")
        return file
    except hub_client.HubError as error:
        raise PicturesMissing(_how_to_get(name, split, failure=str(error))) from error


def _spec(name: str, split: str | None = None) -> Spec:
    if name not in CATALOGUE:
        raise ValueError(f"data set must be one of {', '.join(CATALOGUE)}, got {name!r}")
    spec = CATALOGUE[name]
    if split is not None and split not in spec.splits:
        raise ValueError(f"split of {name} must be one of {', '.join(spec.splits)}, got {split!r}")
    return spec


# Finding the file


def _hub_name(spec: Spec, split: str) -> str:
    return f"{spec.repo}/{spec.splits[split].path}"


def _local(name: str, split: str) -> list[Path]:
    """The files below VICREG_DATA that hold a split: the Hub's one, else those of torchvision's folder; or none."""
    if not os.environ.get("VICREG_DATA"):
        return []
    folder = Path(os.environ["VICREG_DATA"]).expanduser()
    file = folder / _hub_name(_spec(name), split)
    if file.is_file():
        return [file]
    if name != "cifar10":
        return []
    from vicreg.data.cifar_batches import FOLDER, files

    found = files(folder / FOLDER, split)
    return found if all(file.is_file() for file in found) else []


def _file_in_hub_cache(spec: Spec, split: str) -> Path | None:
    from vicreg.storage import hub_client

    return hub_client.cached(spec.repo, spec.splits[split].path, revision="main", repo_type="dataset")


def _how_to_get(name: str, split: str, *, failure: str | None = None) -> str:
    spec = _spec(name, split)
    megabytes = f"{spec.splits[split].bytes / 1e6:.0f} MB"
    folder = f"set VICREG_DATA to a folder that holds {_hub_name(spec, split)}"
    if name == "cifar10":
        folder += " or torchvision's cifar-10-batches-py"
    if failure is not None:
        return f"{spec.title}'s {split} split ({megabytes}) could not be fetched: {failure} Or {folder}."
    looked = "does not hold it" if os.environ.get("VICREG_DATA") else "is not set"
    return (
        f"{spec.title}'s {split} split is not on this machine: VICREG_DATA {looked}, and the Hub's cache has no copy. "
        f"Either {folder}, or fetch {megabytes} from the Hugging Face Hub with {_call(name, split)}."
    )


def _call(name: str, split: str) -> str:
    return f'vicreg.data.load("{name}", "{split}", download=True)'


# What was decoded before


def _entries() -> Path:
    return cache_folder() / "datasets-v1"


def _key(files: list[Path]) -> str:
    """Names one state of some files without reading them."""
    real = [file.resolve() for file in files]
    states = (f"{file}|{file.stat().st_size}|{file.stat().st_mtime_ns}" for file in real)
    return hashlib.sha256("|".join(states).encode()).hexdigest()[:16]


def _open(entry: Path, name: str, split: str) -> ImageSet | None:
    """The pictures that `_keep` wrote, as a memory map; None if they are not there or damaged."""
    classes = _spec(name, split).classes
    try:
        images = np.load(entry / "images.npy", mmap_mode="r")
        labels = np.load(entry / "labels.npy", mmap_mode="r")
        attributes = {what: np.load(entry / f"{what}.npy", mmap_mode="r") for what in _spec(name).attributes}
        written = json.loads((entry / "source.json").read_text("utf-8"))
        source = Source(**written["source"])
    except (OSError, EOFError, ValueError, TypeError, KeyError):
        return None
    good = images.dtype == np.uint8 and images.shape == (len(labels), SIDE, SIDE, 3) and labels.dtype == np.int64
    if not good or labels.min() < 0 or labels.max() >= len(classes):
        return None
    if any(values.shape != labels.shape or values.dtype != np.int64 for values in attributes.values()):
        return None
    return ImageSet(name, split, images, labels, classes, source, attributes)


def _decoded_from_hub(name: str, split: str) -> ImageSet | None:
    """What was decoded from the Hub's file, which stays good when the Hub's cache is emptied.

    What came from a VICREG_DATA folder is left alone: another copy of the pictures, and only that folder asks for it.
    """
    for written in _entries().glob(f"{name}-{split}-*/source.json"):
        try:
            from_hub = json.loads(written.read_text("utf-8"))["from_hub"]
        except (OSError, ValueError, TypeError, KeyError):
            continue
        kept = _open(written.parent, name, split) if from_hub is True else None
        if kept is not None:
            return kept
    return None


def _keep(entry: Path, decoded: ImageSet, *, from_hub: bool) -> None:
    """Write an entry beside its place and rename it, so that it is whole or not there. Raises OSError.

    If another process was faster, its entry stays; if what is there is damaged, it makes room.
    """
    entry.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=entry.parent))
    try:
        new = draft / "new"
        new.mkdir()
        np.save(new / "images.npy", decoded.images)
        np.save(new / "labels.npy", decoded.labels)
        for what, values in decoded.attributes.items():
            np.save(new / f"{what}.npy", values)
        (new / "source.json").write_text(json.dumps({"source": asdict(decoded.source), "from_hub": from_hub}), "utf-8")
        try:
            new.rename(entry)
        except OSError:
            if _open(entry, decoded.name, decoded.split) is None:
                entry.rename(draft / "old")
                new.rename(entry)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


# Decoding and making


def _decode(files: list[Path], name: str, split: str, *, from_hub: bool, on_progress: Progress | None) -> ImageSet:
    """The pictures of the Hub's one file, or of torchvision's several. Raises DataError, which names the file."""
    spec = _spec(name, split)
    if len(files) > 1 or files[0].suffix != ".parquet":
        return _batches(files, name, split)
    from vicreg.data.hub_parquet import decode

    try:
        images, labels, stored, sha256 = decode(
            files[0], column=spec.column, side=spec.side, classes=len(spec.classes), on_progress=on_progress
        )
    except DataError as error:
        real = files[0].resolve()  # the Hub's cache links to its files: deleting a link would not get a new file
        raise DataError(
            f"{real} cannot be used as {spec.title}'s {split} split: {error}. Put the Hub's {_hub_name(spec, split)} "
            f"in its place, or delete it and fetch it again with {_call(name, split)}."
        ) from error
    where = f"{'the' if from_hub else 'a folder laid out as the'} Hugging Face Hub's {spec.repo}"
    description = f"{spec.title}'s {split} split: {len(images):,} pictures stored as {stored}, from {where}."
    return _read_only(name, split, images, labels, Source(description, _hub_name(spec, split), sha256))


def _batches(files: list[Path], name: str, split: str) -> ImageSet:
    from vicreg.data.cifar_batches import FOLDER, read_batches

    images, labels = read_batches(files[0].parent, split)
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    described = (
        f"{_spec(name).title}'s {split} split: {len(images):,} pictures as raw pixels, from torchvision's folder."
    )
    listed = files[0].name if len(files) == 1 else f"{files[0].name} to {files[-1].name}"
    return _read_only(name, split, images, labels, Source(described, f"{FOLDER}/{listed}", digest.hexdigest()))


def _make(name: str, split: str) -> ImageSet:
    from vicreg.data import coloured_digits

    if name == "photo-crops":
        images = coloured_digits.photo_crops()
        labels = np.repeat([0, 1], len(images) // 2)
        described = f"{len(images)} crops of 32 x 32 pixels of scikit-learn's two sample photographs."
        return _read_only(
            name, split, images, labels, Source(described, "sample photographs", coloured_digits.sha256(images))
        )
    drawn = coloured_digits.coloured_digits(split)
    described = (
        f"coloured-digits' {split} split: {len(drawn.images):,} pictures of {len(np.unique(drawn.drawings)):,} of "
        "scikit-learn's handwritten digits, coloured at random."
    )
    source = Source(described, "handwritten digits", coloured_digits.sha256(drawn.images))
    return _read_only(name, split, drawn.images, drawn.digits, source, {"ink": drawn.ink, "paper": drawn.paper})


def _read_only(
    name: str,
    split: str,
    images: np.ndarray,
    labels: np.ndarray,
    source: Source,
    attributes: Mapping[str, np.ndarray] | None = None,
) -> ImageSet:
    attributes = dict(attributes or {})
    for array in (images, labels, *attributes.values()):
        array.flags.writeable = False
    return ImageSet(name, split, images, labels.astype(np.int64, copy=False), _spec(name).classes, source, attributes)
