"""How long the others wait while one key sends ten times what it may, over when it does not.

``python -m bench.noisy PORT RATE`` is the noise: that many beacons a second with its key.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle

import uvloop

from bench import latency, load, servers

KEYS = ("noisy", "one", "two", "three")
LIMITED = "exporter_events_limited_total"


def with_key(keys: tuple[str, ...]) -> Callable[[], bytes]:
    """Beacons that have the keys in turn."""
    turns = cycle(f"\r\nX-API-Key: {key}\r\n".encode() for key in keys)
    return lambda: load.performance().replace(b"\r\n", next(turns), 1)


def _drive(port: int, rate: float, seconds: float, keys: tuple[str, ...]) -> load.Outcome:
    driven = load.drive([port], rate=rate, seconds=seconds, connections=32, beacon=with_key(keys))
    return uvloop.run(driven)


@contextmanager
def _noise(server: servers.Server, rate: float) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.noisy", str(server.port), str(rate)]
    before = _limited(server)
    child = subprocess.Popen(command)  # noqa: S603 - this module
    try:
        while _limited(server) == before:
            if child.poll() is not None:
                raise SystemExit("the noise ended")
        yield
    finally:
        child.terminate()
        child.wait()


def _limited(server: servers.Server) -> float:
    return latency.value(latency.metrics(server.operations), LIMITED)


def run(limit: float, seconds: float, rounds: int) -> None:
    """Print p99 of three keys within their limit, with the noise and without, in turns."""
    ratios = []
    settings = {
        "RECEIVER__KEYS": ",".join(KEYS),
        "RECEIVER__KEY_RATES": str(limit),
        "RECEIVER__RATE_BURST": str(limit),
    }
    rate = 0.6 * limit * (len(KEYS) - 1)
    with servers.exporter("0", settings) as server:
        _drive(server.port, rate, 2, KEYS[1:])
        print("round  limited/s  p50 alone ms  p50 beside ms  p99 alone ms  p99 beside ms  ratio")
        for number in range(rounds):
            alone = _drive(server.port, rate, seconds, KEYS[1:])
            with _noise(server, 10 * limit):
                before = _limited(server)
                beside = _drive(server.port, rate, seconds, KEYS[1:])
                limited = (_limited(server) - before) / seconds
            ratios.append(beside.at(0.99) / alone.at(0.99))
            print(
                f"{number:5}  {limited:9.0f}  {alone.at(0.5) * 1e3:12.1f}"
                f"  {beside.at(0.5) * 1e3:13.1f}  {alone.at(0.99) * 1e3:12.1f}"
                f"  {beside.at(0.99) * 1e3:13.1f}  {ratios[-1]:5.2f}"
                f"  lost {alone.sent + beside.sent - alone.accepted - beside.accepted}",
                flush=True,
            )
    print(
        f"p99 beside a key at ten times its {limit:.0f}/s / alone, {rate:.0f} beacons/s of three "
        f"others: median {statistics.median(ratios):.2f} "
        f"(lowest {min(ratios):.2f}, highest {max(ratios):.2f})"
    )


if __name__ == "__main__":
    _drive(int(sys.argv[1]), float(sys.argv[2]), 3600.0, KEYS[:1])
