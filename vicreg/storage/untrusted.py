"""Rules for JSON that somebody else wrote: what a value must be, as functions that can be put together.

A rule takes a path, such as `probe.interval`, and the value that was found there; it returns nothing, or raises
ValueError with a sentence that names the path, what must be there and what is. Strings are plain or refused: Markdown
must show them as they are, without a link, a picture, HTML, an icon or a formula.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Rule = Callable[[str, object], None]

MAX_TEXT = 1_000  # characters
MAX_KEY = 200
MAX_VALUES = 50_000  # of one file, at any depth
MAX_DEPTH = 12
LARGEST = 2**63  # of numbers, a bound that every machine's integers and a seed keep

# Beside brackets and the like: addresses that Markdown links by itself (www., an @), and entities, which could hide one.
# A colon is followed by a space or ends the string, or it might begin an icon (:material/...:), an emoji or a colour.
_READ_BY_MARKDOWN = re.compile(r"[<>\[\]{}\\`$|@]|://|:\S|&\S|www\.", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"[0-9a-f]{64}")


def plain(text: str, *, most: int = MAX_TEXT) -> bool:
    """Whether Markdown shows a string as it is: printable, at most so many characters, nothing in it that it reads."""
    return len(text) <= most and text.isprintable() and not _READ_BY_MARKDOWN.search(text)


def shown(value: object) -> str:
    """A value as an error's sentence may quote it: short, and plain whatever it is."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else f"a list of {len(value)}"
    text = value[:80] if isinstance(value, str) else repr(value)[:80]
    text = re.sub(r"[^\w .,;()'+/-]|www\.", "?", text, flags=re.IGNORECASE)
    return f"'{text}'" if isinstance(value, str) else text


def plain_json(value: object) -> None:
    """Check that strings are plain and numbers finite all the way down, and that they are not too many.

    Raises ValueError, naming the first that is not.
    """
    waiting: list[tuple[object, str, int]] = [(value, "", 0)]
    count = 0
    while waiting:
        item, path, depth = waiting.pop()
        count += 1
        if count > MAX_VALUES or depth > MAX_DEPTH:
            raise ValueError(f"it holds more than {MAX_VALUES:,} values, or nests them deeper than {MAX_DEPTH}")
        if isinstance(item, str):
            if not plain(item):
                raise ValueError(f"{path or 'it'} must be plain text of at most {MAX_TEXT:,} characters")
        elif isinstance(item, dict):
            for key, entry in item.items():
                if not isinstance(key, str) or not plain(key, most=MAX_KEY):
                    raise ValueError(f"{path or 'it'} has a key that is not plain text of at most {MAX_KEY} characters")
                waiting.append((entry, below(path, key), depth + 1))
        elif isinstance(item, list):
            waiting.extend((entry, path, depth + 1) for entry in item)
        elif isinstance(item, (int, float)) and not abs(item) < LARGEST:  # neither is NaN
            raise ValueError(f"{path or 'it'} must be a finite number, less than 2 to the 63rd")


def number(path: str, value: object) -> None:
    """A number; true and false are none."""
    if type(value) not in (int, float):
        raise ValueError(f"{path} must be a number, got {shown(value)}")


def not_negative(path: str, value: object) -> None:
    """A number from 0."""
    number(path, value)
    if isinstance(value, (int, float)) and value < 0:
        raise ValueError(f"{path} must not be negative, got {shown(value)}")


def text(path: str, value: object) -> None:
    """A string; whether it is plain, `plain_json` says."""
    if not isinstance(value, str):
        raise ValueError(f"{path} must be text, got {shown(value)}")


def sha256(path: str, value: object) -> None:
    """A hash, as 64 hexadecimal digits."""
    if not isinstance(value, str) or not _HEXADECIMAL.fullmatch(value):
        raise ValueError(f"{path} must be a sha256, 64 lower-case hexadecimal digits, got {shown(value)}")


def interval(path: str, value: object) -> None:
    """Two numbers."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{path} must be a list of two numbers, got {shown(value)}")
    for bound in value:
        number(path, bound)


def whole(least: int = 0, most: int = LARGEST) -> Rule:
    """A whole number between two bounds, both included."""

    def rule(path: str, value: object) -> None:
        if type(value) is not int or not least <= value <= most:
            bounds = f"from {least:,}" if most == LARGEST else f"from {least:,} to {most:,}"
            raise ValueError(f"{path} must be a whole number {bounds}, got {shown(value)}")

    return rule


def one_of(*values: str) -> Rule:
    """One of a few strings."""

    def rule(path: str, value: object) -> None:
        if value not in values:
            raise ValueError(f"{path} must be one of {', '.join(values)}, got {shown(value)}")

    return rule


def listed(entry: Rule, *, least: int = 0, most: int = 1_000) -> Rule:
    """A list with a rule for each entry."""

    def rule(path: str, value: object) -> None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise ValueError(f"{path} must be a list of {least} to {most:,}, got {shown(value)}")
        for position, one in enumerate(value):
            entry(below(path, position), one)

    return rule


def mapped(entry: Rule, *, most: int = 1_000) -> Rule:
    """An object with any keys and a rule for each value."""

    def rule(path: str, value: object) -> None:
        if not isinstance(value, dict) or len(value) > most:
            raise ValueError(f"{path} must be an object of at most {most:,} keys, got {shown(value)}")
        for key, one in value.items():
            entry(below(path, key), one)

    return rule


def fields(required: Mapping[str, Rule], optional: Mapping[str, Rule] | None = None) -> Rule:
    """An object with a rule for each key that must be there, and for some that may be; others are let through."""

    def rule(path: str, value: object) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{path or 'it'} must be an object, got {shown(value)}")
        for key, entry in required.items():
            if key not in value:
                raise ValueError(f"{below(path, key)} is missing")
            entry(below(path, key), value[key])
        for key, entry in (optional or {}).items():
            if key in value:
                entry(below(path, key), value[key])

    return rule


def below(path: str, key: object) -> str:
    """The path of a key."""
    return f"{path}.{key}" if path else str(key)
