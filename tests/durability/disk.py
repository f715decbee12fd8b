"""A small disk, and somebody who fills it: a tmpfs, which only root may mount."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path

import pytest

from tests.programs import binary

MEGABYTE = 2**20


@contextmanager
def small_disk(mounted: Path, size: int) -> Iterator[Path]:
    """An empty disk of so many bytes, until the end of the block."""
    mounted.mkdir(exist_ok=True)
    mount = [binary("mount", "mount"), "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(mounted)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(
            f"This needs a small disk, which only root may mount: {done.stderr.strip()}. Without "
            "root: unshare -Urm .venv/bin/python -m pytest tests/durability/test_disk.py"
        )
    try:
        yield mounted
    finally:
        subprocess.run([binary("umount", "mount"), str(mounted)], check=True)


class Filler:
    """A file of somebody else that takes the room."""

    def __init__(self, disk: Path) -> None:
        self._path = disk / "filler"

    def fill(self, leave: int = 0) -> None:
        """Take all room but ``leave`` bytes."""
        disk = os.statvfs(self._path.parent)
        with self._path.open("ab", buffering=0) as file:
            file.write(b"x" * (disk.f_bavail * disk.f_frsize - leave))
            if not leave:
                with pytest.raises(OSError, match="No space left on device"):
                    _write_for_ever(file)

    def remove(self) -> None:
        """Give the room back."""
        self._path.unlink()


def _write_for_ever(file: RawIOBase) -> None:
    while True:
        file.write(b"x" * 512)
