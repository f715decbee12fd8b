"""``python -m bench``: the benchmarks of a few minutes each, or those named."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
from collections.abc import Callable, Mapping

from bench import (
    acknowledging,
    applying,
    catching_up,
    decoding,
    latency,
    noisy,
    open_sessions,
    peers,
    scraping,
    slow,
    soak,
    storage,
    structured,
    throughput,
)

Options = argparse.Namespace

SHORT: Mapping[str, Callable[[Options], None]] = {
    "throughput": lambda _: throughput.run(rounds=9, seconds=4),
    "latency": lambda _: latency.run(rate=6700, seconds=10, rounds=7),
    "batches": lambda _: acknowledging.run(rate=1700, seconds=10, rounds=7),
    "freshness": lambda _: latency.freshness(rate=1000, probes=200),
    "scrape": lambda _: scraping.run(rate=500, seconds=10, rounds=7),
    "slow": lambda _: slow.run(count=2000, rate=500, seconds=8, rounds=7),
    "noisy": lambda _: noisy.run(limit=100, seconds=12, rounds=11),
    "decoding": lambda _: decoding.run(),
    "structured": lambda _: structured.run(),
    "apply": lambda _: applying.run(),
    "storage": lambda _: storage.run(seconds=60),
}
LONG: Mapping[str, Callable[[Options], None]] = {
    "sessions": lambda wanted: open_sessions.run(wanted.sessions),
    "catchup": lambda wanted: catching_up.run(wanted.share),
    "soak": lambda wanted: soak.run(wanted.minutes, wanted.rate, wanted.warm_up),
    "peers": lambda wanted: peers.run(rounds=5, seconds=4),
}
"""Those that take long, or need programs that nothing else does: only by name."""

SUITES = {**SHORT, **LONG}


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument(
        "suites", nargs="*", choices=[[], *SUITES], help=f"if none is named: {', '.join(SHORT)}"
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="of the soak")
    parser.add_argument("--rate", type=float, default=500.0, help="beacons a second of the soak")
    parser.add_argument("--warm-up", type=float, default=10.0, help="minutes that do not count")
    parser.add_argument("--share", type=float, default=0.2, help="of six hours of points; 1 is all")
    parser.add_argument("--sessions", type=int, default=100_000, help="of each kind")
    return parser


def main() -> None:
    """Run the suites, each under its name."""
    wanted = options().parse_args()
    # Python would end at once, and leave the servers behind that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name in wanted.suites or SHORT:
        print(f"\n== {name}", flush=True)
        SUITES[name](wanted)


if __name__ == "__main__":
    main()
