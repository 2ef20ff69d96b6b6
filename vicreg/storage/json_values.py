"""The type of a JSON object, as config.json, metrics.json, an event or a saved state hold it."""

from __future__ import annotations

from typing import Any, TypeAlias  # noqa: TID251 - the json module gives values of any type

# Keys and values from elsewhere are checked when they are read (`vicreg.runs.json_rules`); callers know the type of a key.
JsonObject: TypeAlias = dict[str, Any]
