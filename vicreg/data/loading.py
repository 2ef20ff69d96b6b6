"""Load a split of a data set from this machine or from the Hub, or generate it.

`load` looks for CIFAR-10 and MNIST in four places, in this order:

1. the folder VICREG_DATA, laid out as on the Hub: `<owner>/<repository>/<path in the repository>`
2. for CIFAR-10, torchvision's folder `cifar-10-batches-py` inside it
3. the cache of decoded images, then the download cache of the Hugging Face Hub client
4. the Hub itself, only with `download=True`

`coloured-digits`, `photo-crops` and `noise` are generated (`vicreg.data.coloured_digits`, `vicreg.data.noise`). Decoding or
generating ten thousand images takes seconds, so the arrays are kept in the user's cache folder (`cache_folder`) and opened
as memory maps. You can delete that folder at any time.

CIFAR-10: Krizhevsky, "Learning multiple layers of features from tiny images" (2009). MNIST: LeCun, Cortes, Burges.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from vicreg.data.array_cache import decoded_from_hub, entries, keep, key_of, open_entry
from vicreg.data.catalogue import Spec, spec_of
from vicreg.data.image_set import DataError, ImageSet, PicturesMissing, Progress, Source
from vicreg.storage.files import NOT_FETCHED, is_lfs_pointer

MADE = 1  # increase it whenever `vicreg.data.coloured_digits` generates different images


def load(name: str, split: str, *, download: bool = False, on_progress: Progress | None = None) -> ImageSet:
    """The images of one split, in file order.

    MNIST's 28 x 28 grey digits get a border of two black pixels and three equal channels.

    download: whether to download images that are not on this machine.
    on_progress(done, total): called every few hundred images while decoding. If the cache folder is not writable, every
        call decodes again.

    Raises ValueError for an unknown name or split, PicturesMissing if there are no images, and DataError if the file
    cannot be used.
    """
    spec = spec_of(name, split)
    if not spec.repo:
        entry, from_hub = entries() / f"{name}-{split}-made-{MADE}", False
        kept = open_entry(entry, name, split)
        if kept is not None:
            return kept
        found = _make(name, split)
    else:
        files, from_hub = _local(name, split), False
        if not files:
            kept = decoded_from_hub(name, split)
            if kept is not None:
                return kept
            file, from_hub = _file_in_hub_cache(spec, split), True
            if file is None:
                if not download:
                    raise PicturesMissing(_how_to_get(name, split))
                file = fetch(name, split)
            files = [file]
        entry = entries() / f"{name}-{split}-{key_of(files)}"
        kept = open_entry(entry, name, split)
        if kept is not None:
            return kept
        found = _decode(files, name, split, from_hub=from_hub, on_progress=on_progress)
    try:
        keep(entry, found, from_hub=from_hub)
    except OSError:  # read-only home or full disk: keep the arrays in memory
        return found
    return open_entry(entry, name, split) or found


def available(name: str, split: str) -> bool:
    """Whether `load` would succeed without the network. Does not read the images."""
    spec = spec_of(name, split)
    return (
        not spec.repo
        or bool(_local(name, split))
        or decoded_from_hub(name, split) is not None
        or _file_in_hub_cache(spec, split) is not None
    )


def fetch(
    name: str,
    split: str,
    *,
    on_bytes: Progress = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Download a split's file into the Hub client's cache and return its path. Does not decode it.

    First asks the Hub for the file's size, which takes at most 3 seconds. on_bytes(done, total): download progress.
    Raises PicturesMissing if the download fails, and hub_errors.Cancelled if should_stop() ended it.
    """
    from vicreg.storage import hub_client, hub_file
    from vicreg.storage.hub_errors import HubError

    spec = spec_of(name, split)
    path, about = spec.file(split).path, spec.file(split).bytes
    try:
        listing = hub_client.probe(spec.repo, repo_type="dataset")
        if listing.sizes.get(path, -1) > 2 * about:
            raise HubError(
                f"{spec.repo} holds {listing.sizes[path] / 1e6:.0f} MB there, more than twice what is expected."
            )
        file = hub_file.fetch(
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
    except HubError as error:
        raise PicturesMissing(_how_to_get(name, split, failure=str(error))) from error


def _hub_name(spec: Spec, split: str) -> str:
    return f"{spec.repo}/{spec.file(split).path}"


def _local(name: str, split: str) -> list[Path]:
    """A split's files below VICREG_DATA: the Hub's file, otherwise those in torchvision's folder, if any."""
    if not os.environ.get("VICREG_DATA"):
        return []
    folder = Path(os.environ["VICREG_DATA"]).expanduser()
    file = folder / _hub_name(spec_of(name), split)
    if file.is_file():
        return [file]
    if not spec_of(name).batches:
        return []
    from vicreg.data.cifar_batches import FOLDER, files

    return [
        file for file in files(folder / FOLDER, split) if file.is_file()
    ]  # if some are missing, reading reports them


def _file_in_hub_cache(spec: Spec, split: str) -> Path | None:
    from vicreg.storage import hub_client

    return hub_client.cached(spec.repo, spec.file(split).path, revision="main", repo_type="dataset")


def _how_to_get(name: str, split: str, *, failure: str | None = None) -> str:
    spec = spec_of(name, split)
    megabytes = f"{spec.file(split).bytes / 1e6:.0f} MB"
    folder = f"set VICREG_DATA to a folder that contains {_hub_name(spec, split)}"
    if spec.batches:
        folder += " or torchvision's cifar-10-batches-py"
    if failure is not None:
        return f"{spec.title}'s {split} split ({megabytes}) could not be downloaded: {failure} Or {folder}."
    looked = _looked(name, split)
    return (
        f"{spec.title}'s {split} split is not on this machine: VICREG_DATA {looked}, and the Hub's cache has no copy. "
        f"Either {folder}, or download {megabytes} from the Hugging Face Hub with {_call(name, split)}."
    )


def _looked(name: str, split: str) -> str:
    """Why VICREG_DATA does not provide a split, as the end of a sentence. Names files missing from torchvision's folder."""
    from vicreg.data.cifar_batches import FILES, FOLDER

    if not (folder := os.environ.get("VICREG_DATA")):
        return "is not set"
    if name == "cifar10" and Path(folder, FOLDER).expanduser().is_dir():
        return f"has a folder {FOLDER} without {', '.join(FILES[split])}"
    return "does not contain it"


def _call(name: str, split: str) -> str:
    return f'vicreg.data.load("{name}", "{split}", download=True)'


def _decode(files: list[Path], name: str, split: str, *, from_hub: bool, on_progress: Progress | None) -> ImageSet:
    """The images in the Hub's file or in torchvision's files. Raises DataError, which names the file."""
    spec = spec_of(name, split)
    if len(files) > 1 or files[0].suffix != ".parquet":
        return _batches(files, name, split)
    from vicreg.data.hub_parquet import decode

    if is_lfs_pointer(files[0]):
        raise DataError(f"{files[0]} {NOT_FETCHED}")
    try:
        images, labels, stored, sha256 = decode(
            files[0], column=spec.column, side=spec.side, classes=len(spec.classes), on_progress=on_progress
        )
    except DataError as error:
        real = files[0].resolve()  # the Hub's cache contains links: deleting a link would not trigger a new download
        raise DataError(
            f"{real} cannot be used as {spec.title}'s {split} split: {error}. Put the Hub's {_hub_name(spec, split)} "
            f"in its place, or delete it and download it again with {_call(name, split)}."
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
        f"{spec_of(name).title}'s {split} split: {len(images):,} pictures as raw pixels, from torchvision's folder."
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
    if name == "noise":
        from vicreg.data.noise import noise

        images = noise()
        described = f"{len(images):,} pictures of uniform noise."
        labels = np.zeros(len(images), np.int64)
        return _read_only(
            name, split, images, labels, Source(described, "random numbers", coloured_digits.sha256(images))
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
    return ImageSet(name, split, images, labels.astype(np.int64, copy=False), spec_of(name).classes, source, attributes)
