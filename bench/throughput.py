"""Requests a second of the durable pipeline over those of a bare handler, on one core."""

from __future__ import annotations

import itertools
import statistics
import subprocess
from pathlib import Path
from typing import NamedTuple

from bench import load, servers

LUA = Path(__file__).with_name("beacons.lua")
CONNECTIONS = 64
_numbers = itertools.count(1)


class Round(NamedTuple):
    """What one server did in one round."""

    per_second: float
    cpu_microseconds: float
    errors: int


def drive(
    server: servers.Server, seconds: float, core: int, script: Path = LUA, *words: str
) -> Round:
    """Load one server as hard as it takes, with what a script of wrk makes of its words."""
    before = server.cpu_seconds()
    start = next(_numbers) * 100_000_000
    said = subprocess.run(  # noqa: S603 - a load generator on loopback
        [
            *(servers.tool("taskset", "util-linux"), "-c", str(core)),
            *(servers.tool("wrk", "wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s"),
            *("-H", f"X-API-Key: {load.KEY}"),
            *("-s", str(script), f"http://127.0.0.1:{server.port}", "--", str(start), *words),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    result = next(line for line in said.splitlines() if line.startswith("RESULT "))
    requests, microseconds, errors = (int(part) for part in result.split()[1:])
    cpu = server.cpu_seconds() - before
    return Round(requests / microseconds * 1e6, cpu / requests * 1e6, errors)


def run(rounds: int, seconds: float) -> None:
    """Print a line for each round and the ratio with its spread."""
    ratios, cpus = [], []
    with servers.bare("0") as bare, servers.exporter("0") as exporter:
        for server in (bare, exporter):
            drive(server, 2, 1)
        print("round  bare/s  durable/s  ratio  CPU µs bare  CPU µs durable  errors")
        for number in range(rounds):
            order = (bare, exporter) if number % 2 == 0 else (exporter, bare)
            found = {server.name: drive(server, seconds, 1) for server in order}
            one, other = found[bare.name], found[exporter.name]
            ratios.append(other.per_second / one.per_second)
            cpus.append(one.cpu_microseconds / other.cpu_microseconds)
            print(
                f"{number:5}  {one.per_second:6.0f}  {other.per_second:9.0f}  {ratios[-1]:5.2f}"
                f"  {one.cpu_microseconds:11.1f}  {other.cpu_microseconds:14.1f}"
                f"  {one.errors + other.errors:6}"
            )
    print(
        f"durable / bare: median {statistics.median(ratios):.2f} "
        f"(lowest {min(ratios):.2f}, highest {max(ratios):.2f}) of {rounds} rounds; "
        f"by CPU time {statistics.median(cpus):.2f} "
        f"(lowest {min(cpus):.2f}, highest {max(cpus):.2f})"
    )
