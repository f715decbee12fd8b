"""What operators did, and with which settings: a file that is only added to.

One JSON object a line: ``at`` (UTC), ``who`` (the account on the machine), ``what``, ``details``,
and ``hash``, which covers the line and the hash of the whole line before. So a line that somebody
changed or took out is found, unless everything behind it was written anew, or is gone, as well: of
the last lines nothing tells how many there were. Ship the file elsewhere as it grows where that
matters.

A crash or a full disk may leave a part of a line. The next one begins on a line of its own, and
follows from the last that is whole.
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
    """One line, as it stands there.

    ``intact``: it follows from the last whole one before. ``torn``: it was never finished, as far
    as it tells; where it was, the next one does not follow.
    """

    number: int
    text: str
    intact: bool
    torn: bool


def write(directory: Path, what: str, details: Mapping[str, Any], now: float) -> None:
    """Add a line, and sync it; OSError where that cannot be."""
    descriptor = os.open(directory / NAME, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before, text = _NOTHING, "\n"
        for text in file:
            before = _hash_of(_parsed(text)) or before
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        said = {"at": at, "who": _who(), "what": what, "details": dict(details)}
        line = json.dumps({**said, "hash": _hash(before, said)})
        file.write(f"{line}\n" if text.endswith("\n") else f"\n{line}\n")
        file.flush()
        os.fsync(descriptor)


def read(directory: Path) -> Iterator[Line]:
    """Every line; FileNotFoundError where nothing was ever written."""
    before = _NOTHING
    with (directory / NAME).open(encoding="utf-8", errors="replace") as file:
        for number, text in enumerate(file, 1):
            said = _parsed(text)
            yield Line(number, text.rstrip("\n"), _follows(said, before), torn=said is None)
            before = _hash_of(said) or before


def _follows(said: Mapping[str, Any] | None, before: str) -> bool:
    if not said:
        return False
    plain = {name: value for name, value in said.items() if name != "hash"}
    return bool(plain) and said.get("hash") == _hash(before, plain)


def _hash_of(said: Mapping[str, Any] | None) -> str:
    return str((said or {}).get("hash", _NOTHING))


def _parsed(text: str) -> dict[str, Any] | None:
    """What a line says; None where it is no JSON, as the beginning of one is."""
    try:
        said = json.loads(text)
    except ValueError:
        return None
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
