"""The load of :mod:`bench.load` from a program in C, for where it shares the threads of a server.

In Python, sending a beacon and timing its answer takes 50 µs of CPU, in C less than half of that.
"""

from __future__ import annotations

import array
import asyncio
import math
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench import load, servers

SOURCE = Path(__file__).with_suffix(".c")
_SHARED = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
MEMORY = _SHARED if _SHARED.is_dir() else None
"""Where requests wait: to write them to the disk would hold up what the servers write there."""


def _prepare(program: Path, file: Path, requests: Iterable[bytes]) -> None:
    compiler = (servers.tool("gcc", "gcc"), "-O2", "-Wall", "-Wextra", "-Werror", "-o")
    subprocess.run([*compiler, str(program), str(SOURCE), "-lm"], check=True)  # noqa: S603 - ours
    with file.open("wb") as out:
        for request in requests:
            out.write(struct.pack("I", len(request)) + request)


async def drive(
    ports: Sequence[int],
    *,
    rate: float,
    seconds: float,
    connections: int,
    beacon: Callable[[], bytes] = load.performance,
) -> load.Outcome:
    """Make all beacons, send ``rate`` of them a second to the ports in turn, wait for answers."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir=MEMORY) as room:
        program, file = Path(folder, "replay"), Path(room, "requests")
        await asyncio.to_thread(
            _prepare, program, file, (beacon() for _ in range(int(rate * seconds)))
        )
        process = await asyncio.create_subprocess_exec(
            *(str(program), str(file), str(connections), str(rate), *map(str, ports)),
            stdout=subprocess.PIPE,
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise SystemExit("the load ended early")
    late, *took = array.array("d", said)
    answered = [each for each in took if not math.isinf(each)]
    refused = sum(each < 0 for each in answered)
    return load.Outcome(len(took), len(answered) - refused, late, sorted(map(abs, answered)))
