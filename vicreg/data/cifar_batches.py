"""CIFAR-10 as its authors' archive and torchvision have it, `cifar-10-batches-py`, read without loading a pickle.

The six files are pickles that Python 2 wrote (protocol 2): a dict of 'labels', a list of 10,000 numbers; 'data', a
numpy array (10000, 3072) uint8, a picture a row: the red plane by rows, then green, then blue; and two more that are
not needed. Loading a pickle runs whatever it says, and a folder of pictures may come from anywhere. So the opcodes are
only read (`pickletools.genops`, which runs nothing) by a small machine that knows the two dozen that occur. It never
calls and never imports: what a pickle would have called becomes a `Call` that is looked at afterwards. Any other opcode
or name is an error that names it.

Krizhevsky, "Learning multiple layers of features from tiny images" (2009); https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import hashlib
import pickletools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vicreg.data.image_set import SIDE

FOLDER = "cifar-10-batches-py"  # what the archive, and torchvision, call the folder
PICTURES = 10_000  # in a file
CLASSES = 10
LARGEST_FILE = 40_000_000  # bytes; the real ones have 31 MB
MOST_OPCODES = 200_000  # the real ones have 30,000; a file of nothing but opcodes would fill the memory

# torchvision's list: the files of a split, and their MD5, by which torchvision itself decides whether to fetch again.
SPLITS = {
    "train": {
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    "test": {"test_batch": "40351d587109b95175f43aff81a1287e"},
}
RECONSTRUCT = {"numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct"}  # before numpy 2, and after
NAMES = {*RECONSTRUCT, "numpy ndarray", "numpy dtype"}


def files(folder: Path, split: str) -> list[Path]:
    """The files that a split should have, in the order of its pictures, whether they are there or not.

    folder: the `cifar-10-batches-py` itself. Raises ValueError for a split that is neither train nor test.
    """
    if split not in SPLITS:
        raise ValueError(f"split of {FOLDER} must be one of {', '.join(SPLITS)}, got {split!r}")
    return [folder / name for name in SPLITS[split]]


def read_batches(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """The pictures and labels of a split: (N, 32, 32, 3) uint8 RGB and (N,) int64, 0 to 9; N is 50,000 or 10,000.

    The order is that of the files. Raises ValueError for an unknown split, DataError, which names the file and the way
    out, for a file that is missing or cannot be used. Nothing in a file is ever run.
    """
    found = files(folder, split)
    images = np.empty((len(found) * PICTURES, SIDE, SIDE, 3), dtype=np.uint8)
    labels = np.empty(len(found) * PICTURES, dtype=np.int64)
    for i, file in enumerate(found):
        rows = slice(i * PICTURES, (i + 1) * PICTURES)
        try:
            planes, labels[rows] = _read(file)
        except OSError as error:
            raise _data_error(file, split, f"{type(error).__name__}: {error.strerror or error}") from error
        except ValueError as error:
            raise _data_error(file, split, str(error), md5=SPLITS[split][file.name]) from error
        images[rows] = planes.transpose(0, 2, 3, 1)
    return images, labels


def _data_error(file: Path, split: str, reason: str, *, md5: str = "") -> ValueError:
    from vicreg.data.image_set import DataError  # which imports this module

    if not file.is_file():
        return DataError(
            f"{file} is missing: {file.parent.name} must hold {', '.join(SPLITS[split])} for the {split} split. Let "
            f"torchvision fetch it again (torchvision.datasets.CIFAR10({str(file.parent.parent)!r}, download=True)), "
            "or use the Hub's parquet files."
        )
    if md5 and file.stat().st_size <= LARGEST_FILE:
        with file.open("rb") as opened:
            same = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == md5
        reason += " (its MD5 is the original's, so please report this)" if same else " (its MD5 is not the original's)"
    return DataError(
        f"{file} cannot be used as CIFAR-10's {split} split: {reason}. Delete it and let torchvision fetch it again "
        f"(torchvision.datasets.CIFAR10({str(file.parent.parent)!r}, download=True)), or use the Hub's parquet files."
    )


def _read(file: Path) -> tuple[np.ndarray, list[int]]:
    """One file: planes (10000, 3, 32, 32) uint8 and 10,000 labels. Raises OSError, ValueError."""
    if (size := file.stat().st_size) > LARGEST_FILE:
        raise ValueError(f"it has {size / 1e6:,.0f} MB, more than {LARGEST_FILE / 1e6:.0f}")
    try:
        batch = _interpret(file.read_bytes())
    except LookupError as error:  # more was taken from the stack, or the memo, than was put there
        raise ValueError("it is torn") from error
    if not isinstance(batch, dict):
        raise ValueError(f"it must hold a dict, found {_shown(batch)}")
    if missing := [key for key in ("data", "labels") if key not in batch]:
        raise ValueError(f"it must hold data and labels, {missing[0]} is missing")
    labels = batch["labels"]
    if not isinstance(labels, list) or len(labels) != PICTURES:
        found = f"{len(labels):,} of them" if isinstance(labels, list) else _shown(labels)
        raise ValueError(f"it must hold a list of {PICTURES:,} labels, found {found}")
    if wrong := [label for label in labels if type(label) is not int or not 0 <= label < CLASSES]:
        raise ValueError(f"labels must be whole numbers from 0 to {CLASSES - 1}, found {_shown(wrong[0])}")
    return _array(batch["data"]), labels


def _array(made: Any) -> np.ndarray:
    """The pixels of what would have become the numpy array (10000, 3072) uint8, as (10000, 3, 32, 32)."""
    state = made.state if isinstance(made, Call) and made.name in RECONSTRUCT else None
    if not isinstance(state, tuple) or len(state) != 5:
        raise ValueError(f"data must be a numpy array, found {_shown(made)}")
    _, shape, dtype, by_columns, pixels = state
    columns = 3 * SIDE * SIDE
    if shape != (PICTURES, columns):
        found = " x ".join(map(_shown, shape[:4])) if isinstance(shape, tuple) else _shown(shape)
        raise ValueError(f"data must be {PICTURES} x {columns} numbers, found {found}")
    kind = dtype.arguments[0] if isinstance(dtype, Call) and dtype.name == "numpy dtype" and dtype.arguments else None
    if kind not in ("u1", "|u1", b"u1", b"|u1"):
        raise ValueError(f"data must be uint8 (u1), found {_shown(kind)}")
    if by_columns is not False:
        raise ValueError("data must be stored by rows")
    raw = pixels.encode("latin-1") if isinstance(pixels, str) else pixels  # genops decodes Python 2's strings so
    if not isinstance(raw, bytes) or len(raw) != PICTURES * columns:
        found = f"{len(raw):,}" if isinstance(raw, bytes) else _shown(raw)
        raise ValueError(f"data must have {PICTURES * columns:,} bytes, found {found}")
    return np.frombuffer(raw, dtype=np.uint8).reshape(PICTURES, 3, SIDE, SIDE)


def _shown(value: Any) -> str:
    """A value of a file, for a message. Only the kind of what holds others: written out, it could go on for ever."""
    if isinstance(value, (int, str, bytes)):
        return f"{value[:40]!r}" if isinstance(value, (str, bytes)) else f"{value}"
    return f"a call of {value.name}" if isinstance(value, Call) else f"a {type(value).__name__}"


def _text(value: Any) -> str:
    """Python 2's strings are bytes to a Python 3 that wrote them again."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise ValueError(f"names must be strings, found {_shown(value)}")
    return value


@dataclass(frozen=True)
class Name:
    """What a pickle would have imported: `module name`. Only a string."""

    name: str


@dataclass(eq=False)
class Call:
    """What a pickle would have called, with which arguments, and the state it would have set. Never called."""

    name: str
    arguments: tuple
    state: Any = None


MARK = object()


def _interpret(raw: bytes) -> Any:
    """What the opcodes of a pickle describe: dicts, lists, tuples, strings, numbers, Names and Calls; nothing is run."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        at = len(stack) - 1
        while stack[at] is not MARK:  # IndexError below the bottom, at -len - 1
            at -= 1
        items = stack[at + 1 :]
        del stack[at:]
        return items

    for count, (opcode, argument) in enumerate(_opcodes(raw)):
        if count >= MOST_OPCODES:
            raise ValueError(f"it holds more than {MOST_OPCODES:,} opcodes")
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case "BININT" | "BININT1" | "BININT2" | "BINSTRING" | "SHORT_BINSTRING":
                stack.append(argument)
            case "BINUNICODE" | "SHORT_BINUNICODE" | "BINBYTES" | "SHORT_BINBYTES":  # Python 3 writes these
                stack.append(argument)
            case "NONE" | "NEWFALSE" | "NEWTRUE":
                stack.append({"NONE": None, "NEWFALSE": False, "NEWTRUE": True}[opcode.name])
            case "EMPTY_DICT" | "EMPTY_LIST":
                stack.append({} if opcode.name == "EMPTY_DICT" else [])
            case "MARK":
                stack.append(MARK)
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                length = int(opcode.name[-1])
                stack[-length:] = [tuple(_last(stack, length))]
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "APPEND":
                item = stack.pop()
                _expect(stack[-1], list).append(item)
            case "APPENDS":
                items = since_mark()
                _expect(stack[-1], list).extend(items)
            case "SETITEM":
                key, value = _last(stack, 2)
                del stack[-2:]
                _expect(stack[-1], dict)[_text(key)] = value
            case "SETITEMS":
                items = since_mark()
                _expect(stack[-1], dict).update(zip(map(_text, items[::2]), items[1::2], strict=True))
            case "GLOBAL":
                stack.append(_name(argument))
            case "STACK_GLOBAL":
                module, name = map(_text, _last(stack, 2))
                stack[-2:] = [_name(f"{module} {name}")]
            case "REDUCE":
                function, arguments = _last(stack, 2)
                stack[-2:] = [Call(_expect(function, Name).name, _expect(arguments, tuple))]
            case "BUILD":
                state = stack.pop()
                _expect(stack[-1], Call).state = state
            case "STOP":
                return stack.pop()
            case other:
                raise ValueError(f"it holds the pickle opcode {other}, which CIFAR-10's files have no use for")
    raise ValueError("it is torn")


def _opcodes(raw: bytes) -> Iterator[tuple[Any, Any]]:
    try:
        for opcode, argument, _ in pickletools.genops(raw):  # bytes, since an open file allocates any length
            yield opcode, argument
    except ValueError as error:
        raise ValueError(f"it is torn, or of another kind ({error})") from error


def _name(name: str) -> Name:
    if name not in NAMES:
        raise ValueError(f"it names {name.replace(' ', '.')!r:.80}, which has no place among pictures; it was not run")
    return Name(name)


def _last(stack: list[Any], count: int) -> list[Any]:
    if len(stack) < count:
        raise LookupError("the stack is too short")
    return stack[-count:]


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"it is torn: where a {kind.__name__.lower()} should be is {_shown(value)}")
    return value
