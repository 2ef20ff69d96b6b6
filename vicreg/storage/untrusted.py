"""Composable rules to check untrusted JSON.

A rule takes a path, such as `probe.interval`, and the value found there. It returns nothing, or raises ValueError with
the path, the rule and the value. Strings must be plain: Markdown must show them unchanged, without links, images, HTML,
icons or formulas.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Rule = Callable[[str, object], None]

MAX_TEXT = 1_000  # characters
MAX_KEY = 200
MAX_VALUES = 50_000  # values per file, at any depth
MAX_DEPTH = 12
LARGEST = 2**63  # bound for numbers: signed 64-bit integers

# Excludes brackets and similar characters, addresses that Markdown links automatically (www., @), and HTML entities.
# A colon must end the string or precede a space, because it could start an icon (:material/...:), an emoji or a colour.
_READ_BY_MARKDOWN = re.compile(r"[<>\[\]{}\\`$|@]|://|:\S|&\S|www\.", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"[0-9a-f]{64}")


def plain(text: str, *, most: int = MAX_TEXT) -> bool:
    """Whether Markdown shows a string unchanged: printable, not too long, and without markup."""
    return len(text) <= most and text.isprintable() and not _READ_BY_MARKDOWN.search(text)


def shown(value: object) -> str:
    """A short, plain form of any value, for error messages."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else f"a list of {len(value)}"
    text = value[:80] if isinstance(value, str) else repr(value)[:80]
    text = re.sub(r"[^\w .,;()'+/-]|www\.", "?", text, flags=re.IGNORECASE)
    return f"'{text}'" if isinstance(value, str) else text


def plain_json(value: object) -> None:
    """Check at all depths that strings are plain and numbers finite, and that there are not too many values.

    Raises ValueError, naming the first violation.
    """
    waiting: list[tuple[object, str, int]] = [(value, "", 0)]
    count = 0
    while waiting:
        item, path, depth = waiting.pop()
        count += 1
        if count > MAX_VALUES or depth > MAX_DEPTH:
            raise ValueError(f"it has more than {MAX_VALUES:,} values, or more than {MAX_DEPTH} levels")
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
        elif isinstance(item, (int, float)) and not abs(item) < LARGEST:  # also true for NaN
            raise ValueError(f"{path or 'it'} must be a finite number, less than 2 to the 63rd")


def number(path: str, value: object) -> None:
    """A number; booleans are not accepted."""
    if type(value) not in (int, float):
        raise ValueError(f"{path} must be a number, got {shown(value)}")


def not_negative(path: str, value: object) -> None:
    """A number that is not negative."""
    number(path, value)
    if isinstance(value, (int, float)) and value < 0:
        raise ValueError(f"{path} must not be negative, got {shown(value)}")


def text(path: str, value: object) -> None:
    """A string. (`plain_json` checks that it is plain.)"""
    if not isinstance(value, str):
        raise ValueError(f"{path} must be text, got {shown(value)}")


def sha256(path: str, value: object) -> None:
    """A SHA-256 as 64 hexadecimal digits."""
    if not isinstance(value, str) or not _HEXADECIMAL.fullmatch(value):
        raise ValueError(f"{path} must be a sha256, 64 lower-case hexadecimal digits, got {shown(value)}")


def interval(path: str, value: object) -> None:
    """Two numbers."""
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"{path} must be a list of two numbers, got {shown(value)}")
    for bound in value:
        number(path, bound)


def whole(least: int = 0, most: int = LARGEST) -> Rule:
    """An integer between two bounds, inclusive."""

    def rule(path: str, value: object) -> None:
        if type(value) is not int or not least <= value <= most:
            bounds = f"from {least:,}" if most == LARGEST else f"from {least:,} to {most:,}"
            raise ValueError(f"{path} must be a whole number {bounds}, got {shown(value)}")

    return rule


def one_of(*values: str) -> Rule:
    """One of several strings."""

    def rule(path: str, value: object) -> None:
        if value not in values:
            raise ValueError(f"{path} must be one of {', '.join(values)}, got {shown(value)}")

    return rule


def listed(entry: Rule, *, least: int = 0, most: int = 1_000) -> Rule:
    """A list with one rule for all entries."""

    def rule(path: str, value: object) -> None:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise ValueError(f"{path} must be a list of {least} to {most:,} entries, got {shown(value)}")
        for position, one in enumerate(value):
            entry(below(path, position), one)

    return rule


def mapped(entry: Rule, *, most: int = 1_000) -> Rule:
    """An object with arbitrary keys and one rule for all values."""

    def rule(path: str, value: object) -> None:
        if not isinstance(value, dict) or len(value) > most:
            raise ValueError(f"{path} must be an object of at most {most:,} keys, got {shown(value)}")
        for key, one in value.items():
            entry(below(path, key), one)

    return rule


def fields(required: Mapping[str, Rule], optional: Mapping[str, Rule] | None = None) -> Rule:
    """An object with rules for required and optional keys. Other keys are accepted."""

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
    """The path of a key below a path."""
    return f"{path}.{key}" if path else str(key)
