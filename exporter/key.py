"""The key of this deployment's hashes: made once, kept beside the state, told to nobody."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

SIZE: Final = 32
DAY: Final = 86_400.0


class UnusableKeyError(Exception):
    """The key file is not what was written; the message names it."""


def load(directory: Path) -> bytes:
    """The key in ``directory``, made where there is none; OSError where that cannot be."""
    path = directory / "key"
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(SIZE)
        _write(path, key)
    # Zeros are what a replaced key is overwritten with: everybody could guess them.
    if len(key) != SIZE or not any(key):
        raise UnusableKeyError(f"{path} is not a key of {SIZE} bytes: restore it, or remove it")
    return key


def rotate(directory: Path) -> None:
    """Put a new key in the place of the old one, of which nothing stays behind.

    Nobody can then find out any more whose the hashes of before are, whatever they have.
    """
    path = directory / "key"
    load(directory)
    with path.open("r+b") as old:
        # Once it is in its place for good: a crash must not bring the old one back, overwritten.
        _write(path, secrets.token_bytes(SIZE))
        old.write(bytes(SIZE))
        old.flush()
        os.fsync(old.fileno())


def is_due(directory: Path, days: int, now: float) -> bool:
    """Whether the key is so many days old, of those that begin at midnight (UTC); 0 is never."""
    try:
        made = (directory / "key").stat().st_mtime
    except FileNotFoundError:
        return False
    return days > 0 and now // DAY >= made // DAY + days


def _write(path: Path, key: bytes) -> None:
    """Whole or not at all, and there to stay: half a key would be found by the next start."""
    unfinished = path.with_name("key.new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, key)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    unfinished.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
