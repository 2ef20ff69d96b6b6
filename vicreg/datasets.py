"""The catalogue of pictures: a name and a split -> ImageSet, found on this machine or fetched from the Hub.

`load` looks in three places, in this order:

1. the folder named by VICREG_DATA, laid out as on the Hub: `<owner>/<repository>/<path in the repository>`;
2. what was decoded before from the Hub's file, and the Hugging Face Hub client's own cache of downloads;
3. the Hub itself, only when told `download=True`.

A parquet file of ten thousand PNG or JPEG files takes seconds to decode, so that is done once: the arrays are kept in
the user's cache folder (`cache_folder`) and opened from there as a memory map. That folder may be deleted at any time.

CIFAR-10: Krizhevsky, "Learning multiple layers of features from tiny images" (2009). MNIST: LeCun, Cortes, Burges.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

SIDE = 32  # every picture is SIDE x SIDE pixels once loaded
BATCH = 256  # rows decoded between two calls of on_progress
PROBE_SECONDS = 3.0

Progress = Callable[[int, int], None]


class DataError(ValueError):
    """A file of pictures that cannot be used; the message names the file, what is wrong with it, and the way out."""


class PicturesMissing(FileNotFoundError):
    """The pictures are not on this machine and were not, or could not be, fetched; the message says both ways out."""


@dataclass(frozen=True)
class HubFile:
    """One split on the Hub: its path in the repository and roughly how many bytes a download costs."""

    path: str
    bytes: int


@dataclass(frozen=True)
class Spec:
    """A data set of the catalogue. column: where the parquet file keeps the pictures; side: their size as stored."""

    title: str
    repo: str
    splits: dict[str, HubFile]
    column: str
    side: int
    classes: tuple[str, ...]


CATALOGUE: dict[str, Spec] = {
    "cifar10": Spec(
        title="CIFAR-10",
        repo="uoft-cs/cifar10",
        splits={
            "train": HubFile("plain_text/train-00000-of-00001.parquet", 120_000_000),
            "test": HubFile("plain_text/test-00000-of-00001.parquet", 24_000_000),
        },
        column="img",
        side=32,
        classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    ),
    "mnist": Spec(
        title="MNIST",
        repo="ylecun/mnist",
        splits={
            "train": HubFile("mnist/train-00000-of-00001.parquet", 15_600_000),
            "test": HubFile("mnist/test-00000-of-00001.parquet", 2_600_000),
        },
        column="image",
        side=28,
        classes=tuple("0123456789"),
    ),
}


@dataclass(frozen=True)
class Source:
    """Where pictures came from. description: a sentence for readers, with no path of this machine in it.

    file: `<owner>/<repository>/<path in the repository>`. sha256: of that parquet file, in hexadecimal.
    """

    description: str
    file: str
    sha256: str


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures with labels. images: (N, 32, 32, 3) uint8 RGB; labels: (N,) int64, into classes; both read-only."""

    name: str
    split: str
    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    source: Source

    def __len__(self) -> int:
        return len(self.images)


def class_names(name: str) -> tuple[str, ...]:
    """The names of a data set's classes, by label. Raises ValueError for a name that is not in the catalogue."""
    return _spec(name).classes


def load(name: str, split: str, *, download: bool = False, on_progress: Progress | None = None) -> ImageSet:
    """The pictures of one split, in the order of its file.

    MNIST's 28 x 28 grey digits get two black pixels on every side and three equal channels. download: whether the
    network may be used, if the pictures are nowhere on this machine; the Hub's client then shows a progress bar of its
    own on stderr. on_progress(done, total): called every few hundred pictures while they are decoded, which happens
    once. Where the cache folder cannot be written, the pictures are decoded into memory each time.

    Raises ValueError for an unknown name or split, PicturesMissing if there are no pictures, DataError if the file that
    was found cannot be used.
    """
    spec = _spec(name, split)
    file, from_hub = _file_in_folder(spec, split), False
    if file is None:
        kept = _decoded_from_hub(name, split)
        if kept is not None:
            return kept
        file, from_hub = _file_in_hub_cache(spec, split), True
    if file is None:
        if not download:
            raise PicturesMissing(_how_to_get(name, split))
        file = _fetch(name, split)

    entry = _entries() / f"{name}-{split}-{_key(file)}"
    kept = _open(entry, name, split)
    if kept is not None:
        return kept
    decoded = _decode(file, name, split, from_hub=from_hub, on_progress=on_progress)
    try:
        _keep(entry, decoded, from_hub=from_hub)
    except OSError:  # a read-only home or a full disk: carry on in memory
        return decoded
    return _open(entry, name, split) or decoded


def available(name: str, split: str) -> bool:
    """Whether `load` would find the pictures without the network. Reads no pictures."""
    spec = _spec(name, split)
    return (
        _file_in_folder(spec, split) is not None
        or _decoded_from_hub(name, split) is not None
        or _file_in_hub_cache(spec, split) is not None
    )


def cache_folder() -> Path:
    """Where this project keeps what it can compute again: VICREG_CACHE, else `vicreg` in the user's cache folder.

    The folder need not exist yet. Read from the environment at every call.
    """
    if named := os.environ.get("VICREG_CACHE"):
        return Path(named).expanduser()
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "vicreg"
    try:
        home = Path.home()
    except RuntimeError:  # a container's user without a home
        home = Path(tempfile.gettempdir())
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "vicreg"
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "vicreg"


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


def _file_in_folder(spec: Spec, split: str) -> Path | None:
    folder = os.environ.get("VICREG_DATA")
    file = Path(folder or ".").expanduser() / _hub_name(spec, split)
    return file if folder and os.path.isfile(file) else None


def _file_in_hub_cache(spec: Spec, split: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache  # 0.3 s to import, so only when asked

    try:
        found = try_to_load_from_cache(spec.repo, spec.splits[split].path, repo_type="dataset")
    except OSError:  # a cache folder that cannot be read
        return None
    return Path(found) if isinstance(found, str) else None  # else None, or a marker that the Hub has no such file


def _fetch(name: str, split: str) -> Path:
    spec = _spec(name, split)
    try:
        from huggingface_hub import HfApi, hf_hub_download

        # A dead network is found out here within seconds; the download itself would try again for 23 s and more.
        HfApi().dataset_info(spec.repo, timeout=PROBE_SECONDS)
        return Path(hf_hub_download(spec.repo, spec.splits[split].path, repo_type="dataset"))
    except Exception as error:  # OSErrors of the client; httpx2's, Xet's and JSON's are not; the way out is one
        raise PicturesMissing(_how_to_get(name, split, failure=_first_line(error))) from error


def _how_to_get(name: str, split: str, *, failure: str | None = None) -> str:
    spec = _spec(name, split)
    megabytes = f"{spec.splits[split].bytes / 1e6:.0f} MB"
    folder = f"set VICREG_DATA to a folder that holds {_hub_name(spec, split)}"
    if failure is not None:
        return (
            f"{spec.title}'s {split} split ({megabytes}) could not be fetched from the Hugging Face Hub ({failure}). "
            f"Try {_call(name, split)} again when the Hub can be reached, or {folder}."
        )
    looked = "does not hold it" if os.environ.get("VICREG_DATA") else "is not set"
    return (
        f"{spec.title}'s {split} split is not on this machine: VICREG_DATA {looked}, and the Hub's cache has no copy. "
        f"Either {folder}, or fetch {megabytes} from the Hugging Face Hub with {_call(name, split)}."
    )


def _call(name: str, split: str) -> str:
    return f'vicreg.datasets.load("{name}", "{split}", download=True)'


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]


# What was decoded before


def _entries() -> Path:
    return cache_folder() / "datasets-v1"


def _key(file: Path) -> str:
    """Names one state of a file without reading it."""
    real = file.resolve()
    stat = real.stat()
    return hashlib.sha256(f"{real}|{stat.st_size}|{stat.st_mtime_ns}".encode()).hexdigest()[:16]


def _open(entry: Path, name: str, split: str) -> ImageSet | None:
    """The pictures that `_keep` wrote, as a memory map; None if they are not there or damaged."""
    classes = _spec(name, split).classes
    try:
        images = np.load(entry / "images.npy", mmap_mode="r")
        labels = np.load(entry / "labels.npy", mmap_mode="r")
        written = json.loads((entry / "source.json").read_text("utf-8"))
        source = Source(**written["source"])
    except (OSError, EOFError, ValueError, TypeError, KeyError):
        return None
    good = images.dtype == np.uint8 and images.shape == (len(labels), SIDE, SIDE, 3) and labels.dtype == np.int64
    if not good or labels.min() < 0 or labels.max() >= len(classes):
        return None
    return ImageSet(name, split, images, labels, classes, source)


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
        (new / "source.json").write_text(json.dumps({"source": asdict(decoded.source), "from_hub": from_hub}), "utf-8")
        try:
            new.rename(entry)
        except OSError:
            if _open(entry, decoded.name, decoded.split) is None:
                entry.rename(draft / "old")
                new.rename(entry)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


# Decoding


def _decode(file: Path, name: str, split: str, *, from_hub: bool, on_progress: Progress | None) -> ImageSet:
    """Read a parquet file of encoded pictures into memory. Raises DataError, with the row where there is one."""
    spec = _spec(name, split)
    margin = (SIDE - spec.side) // 2
    middle = slice(margin, margin + spec.side)
    row, encodings = 0, set()
    try:
        sha256, total, rows = _read(file, spec)
        images = np.zeros((total, SIDE, SIDE, 3), dtype=np.uint8)
        labels = np.zeros(total, dtype=np.int64)
        for cell, label in rows:
            images[row, middle, middle], encoding = _decode_picture(cell, row, spec.side)
            if label is None or not 0 <= label < len(spec.classes):
                raise DataError(f"the label in row {row} must be 0 to {len(spec.classes) - 1}, got {label}")
            labels[row] = label
            encodings.add(encoding)
            row += 1
            if on_progress is not None and (row % BATCH == 0 or row == total):
                on_progress(row, total)
    except DataError as error:
        real = file.resolve()  # the Hub's cache links to its files: deleting a link would not get a new file
        raise DataError(
            f"{real} cannot be used as {spec.title}'s {split} split: {error}. Put the Hub's {_hub_name(spec, split)} "
            f"in its place, or delete it and fetch it again with {_call(name, split)}."
        ) from error

    where = f"{'the' if from_hub else 'a folder laid out as the'} Hugging Face Hub's {spec.repo}"
    stored = " and ".join(sorted(encodings))
    description = f"{spec.title}'s {split} split: {total:,} pictures stored as {stored}, from {where}."
    images.flags.writeable = labels.flags.writeable = False
    return ImageSet(name, split, images, labels, spec.classes, Source(description, _hub_name(spec, split), sha256))


def _read(file: Path, spec: Spec) -> tuple[str, int, Iterator[tuple[dict | None, int | None]]]:
    """The file's sha256, how many rows it has, and the rows: (picture cell, label). Raises DataError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def unreadable(error: Exception) -> DataError:
        return DataError(f"it cannot be read as parquet ({_first_line(error)})")

    def rows(parquet: pq.ParquetFile) -> Iterator[tuple[dict | None, int | None]]:
        with parquet:
            try:
                for batch in parquet.iter_batches(batch_size=BATCH, columns=[spec.column, "label"]):
                    cells, labels = batch.column(spec.column).to_pylist(), batch.column("label").to_pylist()
                    yield from zip(cells, labels, strict=True)
            except (pa.ArrowException, OSError) as error:
                raise unreadable(error) from error

    try:
        with open(file, "rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        parquet = pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(error) from error
    _check_columns(parquet.schema_arrow, spec)
    if parquet.metadata.num_rows == 0:
        raise DataError("it holds no pictures")
    return sha256, parquet.metadata.num_rows, rows(parquet)


def _check_columns(schema, spec: Spec) -> None:
    import pyarrow as pa

    if missing := [column for column in (spec.column, "label") if column not in schema.names]:
        found = ", ".join(schema.names) or "none"
        raise DataError(f"it must have the columns {spec.column} and label, {missing[0]} is missing; found: {found}")
    pictures, labels = schema.field(spec.column).type, schema.field("label").type
    if not pa.types.is_struct(pictures) or pictures.get_field_index("bytes") < 0:
        raise DataError(f"column {spec.column} must hold the bytes of encoded pictures (a struct), found {pictures}")
    if not pa.types.is_integer(labels):
        raise DataError(f"column label must hold whole numbers, found {labels}")


def _decode_picture(cell: dict | None, row: int, side: int) -> tuple[np.ndarray, str]:
    """(side, side, 3) uint8 and the name of the encoding. The size is checked before any pixel is decoded."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(cell["bytes"]), formats=("PNG", "JPEG")) as picture:
            if picture.size != (side, side):
                width, height = picture.size
                raise DataError(
                    f"the picture in row {row} must be {side} x {side} pixels (width x height), got {width} x {height}"
                )
            if picture.mode not in ("L", "RGB"):
                raise DataError(f"the picture in row {row} must be grey or RGB of 8 bits, got mode {picture.mode}")
            return np.asarray(picture.convert("RGB")), str(picture.format)
    except DataError:
        raise
    except Exception as error:  # Pillow's plugins raise a dozen kinds
        raise DataError(
            f"the picture in row {row} cannot be decoded as PNG or JPEG ({type(error).__name__})"
        ) from error
