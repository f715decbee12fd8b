"""How long the others wait while one key sends ten times what it may, over when it sends just that.

``python -m bench.noisy PORT RATE`` is that key: so many beacons a second.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle

import uvloop

from bench import latency, load, servers

KEYS = ("noisy", "one", "two", "three")
LIMITED = "exporter_events_limited_total"
RECEIVED = "exporter_events_received_total"


def with_key(keys: tuple[str, ...]) -> Callable[[], bytes]:
    """Beacons that have the keys in turn."""
    turns = cycle(f"X-API-Key: {key}\r\n".encode() for key in keys)
    ours = f"X-API-Key: {load.KEY}\r\n".encode()
    return lambda: load.performance().replace(ours, next(turns), 1)


def _drive(port: int, rate: float, seconds: float, keys: tuple[str, ...]) -> load.Outcome:
    driven = load.drive([port], rate=rate, seconds=seconds, connections=32, beacon=with_key(keys))
    return uvloop.run(driven)


@contextmanager
def _noise(server: servers.Server, rate: float) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.noisy", str(server.port), str(rate)]
    before = _count(server, RECEIVED)
    child = subprocess.Popen(command)  # noqa: S603 - this module
    try:
        # It spends what it may send at once before anything is measured.
        while _count(server, RECEIVED) < before + 2 * rate:
            if child.poll() is not None:
                raise SystemExit("the noise ended")
            time.sleep(0.1)
        yield
    finally:
        child.terminate()
        child.wait()


def _count(server: servers.Server, name: str) -> float:
    return latency.value(latency.metrics(server.operations), name)


def run(limit: float, seconds: float, rounds: int) -> None:
    """Print p99 of three keys within their limit, beside both, in turns."""
    ratios = []
    settings = {
        "RECEIVER__KEYS": ",".join(KEYS),
        "RECEIVER__KEY_RATES": str(limit),
        "RECEIVER__RATE_BURST": str(limit),
    }
    rate = 0.6 * limit * (len(KEYS) - 1)
    with servers.exporter("0", settings) as server:
        _drive(server.port, rate, 2, KEYS[1:])
        print("round  limited  p50 just ms  p50 ten ms  p99 just ms  p99 ten ms  ratio")
        for number in range(rounds):
            found: dict[float, load.Outcome] = {}
            before = _count(server, LIMITED)
            # Just what it may send is a little less: its tokens must not run out.
            for times in (0.95, 10.0) if number % 2 else (10.0, 0.95):
                with _noise(server, times * limit):
                    found[times] = _drive(server.port, rate, seconds, KEYS[1:])
            just, ten = found[0.95], found[10.0]
            limited = _count(server, LIMITED) - before
            ratios.append(ten.at(0.99) / just.at(0.99))
            print(
                f"{number:5}  {limited:7.0f}  {just.at(0.5) * 1e3:11.1f}"
                f"  {ten.at(0.5) * 1e3:10.1f}  {just.at(0.99) * 1e3:11.1f}"
                f"  {ten.at(0.99) * 1e3:10.1f}  {ratios[-1]:5.2f}"
                f"  lost {just.sent + ten.sent - just.accepted - ten.accepted}",
                flush=True,
            )
    print(
        f"p99 beside a key at ten times its {limit:.0f}/s / at just that, {rate:.0f} beacons/s of "
        f"three others: median {statistics.median(ratios):.2f} "
        f"(lowest {min(ratios):.2f}, highest {max(ratios):.2f})"
    )


if __name__ == "__main__":
    _drive(int(sys.argv[1]), float(sys.argv[2]), 3600.0, KEYS[:1])
