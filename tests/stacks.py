"""A real `make run` on free ports of the loopback, with its files in a folder of the test."""

import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from tests.programs import free_port

VARIABLES = (
    "EXPORTER_RECEIVER__PORT",
    "EXPORTER_OPERATIONS__PORT",
    "PROMETHEUS_PORT",
    "ALERTMANAGER_PORT",
    "WEBHOOK_PORT",
)
START_SECONDS = 60
STOP_SECONDS = 30


class Stack(NamedTuple):
    """A running `python -m stack`."""

    process: subprocess.Popen[bytes]
    directory: Path
    ports: dict[str, int]
    began: float

    @property
    def said(self) -> str:
        return (self.directory / "said").read_text()

    def processes(self) -> list[psutil.Process]:
        """Itself and everything that it started."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def ask(self, query: str) -> list[dict[str, Any]]:
        """What Prometheus answers to an instant query."""
        encoded = urllib.parse.urlencode({"query": query})
        url = f"http://127.0.0.1:{self.ports['PROMETHEUS_PORT']}/api/v1/query?{encoded}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found

    def notified(self) -> list[dict[str, Any]]:
        """Every alert that arrived at the webhook."""
        file = self.directory / "alerts.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [alert for line in lines for alert in json.loads(line)["alerts"]]

    def wait_for(self, what: Callable[[], object], until: float, why: str) -> None:
        """Wait until ``what`` is so, at the latest ``until`` seconds after the start."""
        while not what():
            assert self.process.poll() is None, self.said
            assert time.monotonic() - self.began < until, f"{why}\n{self.said}"
            time.sleep(0.5)


@contextmanager
def running(directory: Path, *options: str, **environment: str) -> Iterator[Stack]:
    """`python -m stack` on free ports; whatever a failed test leaves is killed, by its id."""
    ports = {variable: free_port() for variable in VARIABLES}
    directory.mkdir(exist_ok=True)
    with (directory / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "stack", f"--directory={directory}", *options],
            env=os.environ | {name: str(port) for name, port in ports.items()} | environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    stack = Stack(process, directory, ports, time.monotonic())
    started: list[psutil.Process] = []
    try:
        stack.wait_for(lambda: "Running; Ctrl-C" in stack.said, START_SECONDS, "it does not start")
        started = stack.processes()
        yield stack
    finally:
        for each in started or [psutil.Process(process.pid)]:
            if each.is_running():
                each.kill()
        process.wait(STOP_SECONDS)
