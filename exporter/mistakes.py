"""What is wrong with the environment, in a sentence for each variable."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

UNITS: Final = ("SECONDS", "BYTES", "DAYS")


def sentences(error: ValidationError, prefix: str, known: Collection[str]) -> Iterator[str]:
    """One for each variable that cannot be; what it held is not repeated, it may be a secret."""
    for each in error.errors(include_url=False, include_input=False):
        name = prefix + "__".join(str(part).upper() for part in each["loc"])
        yield f"{name}: {_says(name, each, known)}"


def _says(name: str, found: ErrorDetails, known: Collection[str]) -> str:
    kind = found["type"]
    if kind == "extra_forbidden":
        nearest = difflib.get_close_matches(name, known, 1)
        return "there is no such setting" + "".join(f"; did you mean {each}?" for each in nearest)
    if kind in {"int_parsing", "int_from_float", "float_parsing"}:
        kind = "number" if kind == "float_parsing" else "whole number"
        unit = name.rpartition("_")[2]
        return f"must be a {kind}" + f" of {unit.lower()}, without a unit" * (unit in UNITS)
    if kind == "bool_parsing":
        return "must be true or false"
    if kind == "dict_type":
        return 'must be JSON, such as {"upload": 60}'
    if kind == "value_error":
        return str(found["ctx"]["error"])
    return found["msg"].replace("Input should", "must").replace("be a valid", "be a")
