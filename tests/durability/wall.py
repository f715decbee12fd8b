"""The wall clock that processes of a test see; the machine's own is left alone."""

import mmap
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.programs import binary

SOURCE = Path(__file__).with_name("wall.c")
DAY = 86_400
SIZE = struct.calcsize("l")


class WallClock:
    """Steps by any number of seconds, at once, in every process that has its ``environment``."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        library, offset = folder / "wall.so", folder / "offset"
        compiler = (binary("gcc", "gcc"), "-shared", "-fPIC", "-O1", "-nostdlib", "-o")
        subprocess.run((*compiler, str(library), str(SOURCE)), check=True)
        offset.write_bytes(bytes(SIZE))
        with offset.open("r+b") as file:
            self._offset = mmap.mmap(file.fileno(), SIZE)
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": str(library),
            "WALL_CLOCK": str(offset),
        }

    def set(self, seconds: int) -> None:
        """Let it be so many seconds ahead of the machine's, or behind it."""
        self._offset[:] = struct.pack("l", seconds)
