"""A disk cache of decoded images, opened as memory maps, so that each split is decoded only once."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from vicreg.data.catalogue import spec_of
from vicreg.data.image_set import SIDE, ImageSet, Source
from vicreg.storage.files import flush
from vicreg.storage.paths import cache_folder


def entries() -> Path:
    """The folder of the cache: one entry per split."""
    return cache_folder() / "datasets-v1"


def key_of(files: list[Path]) -> str:
    """A key for the current state of some files, from their sizes and times, without reading them."""
    real = [file.resolve() for file in files]
    states = (f"{file}|{file.stat().st_size}|{file.stat().st_mtime_ns}" for file in real)
    return hashlib.sha256("|".join(states).encode()).hexdigest()[:16]


def open_entry(entry: Path, name: str, split: str) -> ImageSet | None:
    """The images that `keep` wrote, as a memory map; None if they are missing or damaged."""
    classes = spec_of(name, split).classes
    try:
        images = np.load(entry / "images.npy", mmap_mode="r")
        labels = np.load(entry / "labels.npy", mmap_mode="r")
        attributes = {what: np.load(entry / f"{what}.npy", mmap_mode="r") for what in spec_of(name).attributes}
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


def decoded_from_hub(name: str, split: str) -> ImageSet | None:
    """The entry decoded from the Hub's file. It remains usable after the Hub's cache is cleared.

    Entries decoded from a VICREG_DATA folder are ignored: they may be another copy of the images.
    """
    for written in entries().glob(f"{name}-{split}-*/source.json"):
        try:
            from_hub = json.loads(written.read_text("utf-8"))["from_hub"]
        except (OSError, ValueError, TypeError, KeyError):
            continue
        kept = open_entry(written.parent, name, split) if from_hub is True else None
        if kept is not None:
            return kept
    return None


def keep(entry: Path, decoded: ImageSet, *, from_hub: bool) -> None:
    """Write an entry atomically. Raises OSError.

    If another process has already written the entry, that one is kept. A damaged entry is replaced.
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
        for path in new.iterdir():  # otherwise a power cut could leave an entry whose pixels are zeros
            flush(path)
        try:
            new.rename(entry)
        except OSError:
            if open_entry(entry, decoded.name, decoded.split) is None:
                entry.rename(draft / "old")
                new.rename(entry)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
