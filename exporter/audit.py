"""What operators did, and with which settings: a file that is only added to.

One JSON object a line: ``at`` (UTC), ``who`` (the account on the machine), ``what``, ``details``,
and ``hash``, which covers the line and the hash of the line before. So a line that somebody
changed or took out is found, unless everything behind it was written anew as well: ship the file
elsewhere as it grows where that matters.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

NAME: Final = "audit.log"
_NOTHING: Final = ""


class Line(NamedTuple):
    """One line, as it stands there, and whether it follows from the one before."""

    number: int
    text: str
    intact: bool


def write(directory: Path, what: str, details: Mapping[str, Any], now: float) -> None:
    """Add a line, and sync it; OSError where that cannot be."""
    descriptor = os.open(directory / NAME, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = _NOTHING
        for text in file:
            before = _hash_of(text)
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        said = {"at": at, "who": _who(), "what": what, "details": dict(details)}
        file.write(json.dumps({**said, "hash": _hash(before, said)}) + "\n")
        file.flush()
        os.fsync(descriptor)


def read(directory: Path) -> Iterator[Line]:
    """Every line; FileNotFoundError where nothing was ever written."""
    before = _NOTHING
    with (directory / NAME).open(encoding="utf-8", errors="replace") as file:
        for number, text in enumerate(file, 1):
            yield Line(number, text.rstrip("\n"), _follows(text, before))
            before = _hash_of(text)


def _follows(text: str, before: str) -> bool:
    said = _parsed(text)
    given = said.pop("hash", None)
    return bool(said) and given == _hash(before, said)


def _hash_of(text: str) -> str:
    return str(_parsed(text).get("hash", _NOTHING))


def _parsed(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _hash(before: str, said: Mapping[str, Any]) -> str:
    plain = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{before}\n{plain}".encode()).hexdigest()


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container the number of the account may have no name.
        return str(os.getuid())
