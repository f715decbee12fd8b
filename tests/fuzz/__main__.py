"""``python -m tests.fuzz``: every decoder under a fuzzer that sees which code an input reaches.

Atheris (libFuzzer for Python) changes what clients send, one process a decoder, and keeps what
gets further; :mod:`tests.fuzz.oracle` says what must hold: an answer, never an exception; events
that the journal can write and read; finite numbers; no series too many.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.fuzz import seeds

TARGET = "tests.fuzz.target"
LONGEST = 16_384
SLOWEST_SECONDS = 60
_DONE = re.compile(r"^#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)/", re.MULTILINE)


class Fuzzed(NamedTuple):
    """What became of one decoder; ``said`` is everything that the fuzzer said."""

    runs: int
    edges: int
    kept: int
    failed: bool
    said: str


def fuzz(name: str, seconds: int, seed: int, crashes: Path) -> Fuzzed:
    """Fuzz one decoder; what breaks it is kept in ``crashes``."""
    with tempfile.TemporaryDirectory() as corpus:
        done = subprocess.run(
            [
                *(sys.executable, "-m", TARGET, name, corpus),
                *(f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={LONGEST}"),
                *(f"-timeout={SLOWEST_SECONDS}", f"-artifact_prefix={crashes}/{name}-"),
            ],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
    said = done.stdout + done.stderr
    found = _DONE.findall(said)
    runs, edges, _, kept = map(int, found[-1]) if found else (0, 0, 0, 0)
    return Fuzzed(runs, edges, kept, done.returncode != 0 or not found, said)


def main() -> int:
    """Fuzz, and print a line for each decoder; 1 where one broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="of all decoders together")
    parser.add_argument("--format", choices=seeds.names(), action="append", dest="names")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--crashes", type=Path, default=Path(tempfile.gettempdir()))
    said = parser.parse_args()
    names = said.names or seeds.names()
    broken = 0
    for name in names:
        done = fuzz(name, max(1, said.seconds // len(names)), said.seed, said.crashes)
        broken += done.failed
        sys.stdout.write(
            f"{name:10}  {done.runs:9} inputs  {done.edges:5} edges  {done.kept:5} kept"
            f"{'  BROKEN' if done.failed else ''}\n"
        )
        if done.failed:
            sys.stdout.write(done.said[-4000:])
        sys.stdout.flush()
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
