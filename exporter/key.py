"""The key of this deployment's hashes: made once, kept beside the state, told to nobody."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

SIZE: Final = 32


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
    if len(key) != SIZE:
        raise UnusableKeyError(f"{path} is not a key of {SIZE} bytes: restore it, or remove it")
    return key


def _write(path: Path, key: bytes) -> None:
    """Whole or not at all: half a key would be found by the next start."""
    unfinished = path.with_name("key.new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, key)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    unfinished.replace(path)
