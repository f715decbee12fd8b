"""``python -m stack [--demo]``: exporter, Prometheus and Alertmanager until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from exporter.mistakes import sentences
from exporter.settings import Settings, effective
from stack.layout import ROOT, Layout
from stack.supervisor import StackError, Stopped, check_ports, stop_on_signals, supervised

STOP_SECONDS: Final = 90.0
PREFIXES: Final = {"Settings": "EXPORTER_", "Ports": "", "Demo": "DEMO_"}
"""Of the variables of each group of settings."""


def main() -> int:
    """Run or stop; returns the exit code: 0 done, 1 something died, 2 it could not start."""
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="send traffic and show the alerts")
    parser.add_argument("--stop", action="store_true", help="stop the one that runs")
    parser.add_argument("--directory", type=Path, default=ROOT / ".run", help="logs and data")
    options = parser.parse_args()
    directory = options.directory.absolute()
    try:
        if options.stop:
            return stop(directory)
        layout = Layout(directory, demo=options.demo)
        with only_one(directory):
            run(layout, demo=options.demo)
    except ValidationError as error:
        known = [name for name, _ in effective(Settings.model_construct())]
        for sentence in sentences(error, PREFIXES[error.title], known):
            sys.stderr.write(f"{sentence}\n")
        return 2
    except (StackError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def run(layout: Layout, *, demo: bool) -> None:
    """Start everything, tell what there is to see, and stop everything when asked to."""
    stop_on_signals()
    parts = tuple(layout.parts())
    with contextlib.suppress(Stopped):
        check_ports(parts)
        layout.write()
        with supervised(layout.directory / "logs") as supervisor:
            for part in parts:
                say(f"starting {part.name}")
                supervisor.start(part)
            supervisor.wait_until_ready()
            say(welcome(layout, demo=demo))
            if demo:
                supervisor.start(layout.traffic())
            supervisor.watch()
    say("Stopped.")


def welcome(layout: Layout, *, demo: bool) -> str:
    """Where everything is, and what to look at next."""
    query = 'kpi:value{kpi="upload_success_ratio",window="5m"}'
    encoded = "kpi%3Avalue%7Bkpi%3D%22upload_success_ratio%22%2Cwindow%3D%225m%22%7D"
    what_next = (
        f"""Open next:
  {layout.prometheus}/classic/graph?g0.expr={encoded}
      {query}: about 1, and falling from when a bad hour begins, which is told below
  {layout.prometheus}/classic/alerts
      UploadSuccessRatioLow, pending and then firing; every message of Alertmanager is shown below
  Uploads of which nothing is heard for 60 s count as abandoned here (otherwise 30 min)."""
        if demo
        else f"""Open next:
  {layout.prometheus}/classic/graph?g0.expr={encoded}
      {query}: empty, until uploads come
  make stop && make run DEMO=1 sends all kinds of beacons"""
    )
    return f"""
Running; Ctrl-C stops everything.
  beacons       {layout.beacons}     (what can be sent: {layout.beacons}/v1/schema)
  metrics       {layout.operations}/metrics
  health        {layout.operations}/health/ready
  Prometheus    {layout.prometheus}/classic/graph
  Alertmanager  {layout.alertmanager}/api/v2/alerts
  logs, data    {layout.directory}

Send a beacon (README.md and docs/clients have more), and see it counted:
  curl -i {layout.beacons}/v1/events --json '{{"events": [{{"type": "storage.operated", "operation": "check", "ok": true}}]}}'
  curl -s {layout.operations}/metrics | grep 'storage_operations_total{{operation="check"'

{what_next}
"""  # noqa: E501 - a command is one line


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextlib.contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Hold the directory's lock, in which the id of this process stands."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _take(lock):
            pid = os.read(lock, 32).decode()
            raise StackError(f"It runs already, as process {pid}. `make stop` stops it.")
        os.truncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        yield
    finally:
        os.close(lock)


def stop(directory: Path) -> int:
    """Ask whoever holds the lock to stop, and wait until it has."""
    try:
        lock = os.open(directory / "lock", os.O_RDONLY)
    except FileNotFoundError:
        say("Nothing runs.")
        return 0
    try:
        if _take(lock):
            say("Nothing runs.")
            return 0
        os.kill(int(os.read(lock, 32)), signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while not _take(lock):
            if time.monotonic() > deadline:
                sys.stderr.write("It does not stop.\n")
                return 1
            time.sleep(0.1)
        say("Stopped.")
        return 0
    finally:
        os.close(lock)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
