"""``python -m bench``: all benchmarks, or those named."""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable

from bench import decoding, latency, storage, throughput

SUITES: dict[str, Callable[[], None]] = {
    "throughput": lambda: throughput.run(rounds=9, seconds=4),
    "latency": lambda: latency.run(rate=6700, seconds=10, rounds=7),
    "freshness": lambda: latency.freshness(rate=1000, probes=200),
    "decoding": decoding.run,
    "storage": lambda: storage.run(seconds=60),
}


def main() -> None:
    """Run the suites, each under its name."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES], help="all, if none is named")
    names = parser.parse_args().suites or list(SUITES)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name in names:
        print(f"\n== {name}")
        SUITES[name]()


if __name__ == "__main__":
    main()
