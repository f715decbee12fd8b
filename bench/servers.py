"""Starting what is measured: pinned to a core, on a free port, in a folder that goes away."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from bench.load import KEY

START_SECONDS = 60.0

PROTECTED = {
    "RECEIVER__KEYS": KEY,
    "RECEIVER__KEY_RATES": "100000",
    "RECEIVER__KEY_QUOTAS": "1000000000",
    "RECEIVER__RATE_PER_SECOND": "100000",
    "RECEIVER__RATE_BURST": "100000",
}
"""What is off as shipped: on, and so high that it refuses nobody who is measured."""


class Server(NamedTuple):
    """A server that runs."""

    name: str
    port: int
    operations: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tool(name: str, package: str) -> str:
    """The path of a program, or an error that says how to get it."""
    path = shutil.which(name)
    if path is None:
        raise SystemExit(f"{name} is missing: apt-get install {package}")
    return path


@contextmanager
def bare(cores: str) -> Iterator[Server]:
    """The handler that does nothing."""
    port = free_port()
    with running("bare aiohttp", [sys.executable, "-m", "bench.bare", str(port)], cores, {}) as run:
        yield ready(Server("bare aiohttp", port, 0, run))


@contextmanager
def folder() -> Iterator[Path]:
    """A folder on the disk of the checkout."""
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as directory:
        yield Path(directory)


@contextmanager
def exporter(
    cores: str,
    settings: Mapping[str, str] | None = None,
    state: Path | None = None,
    patience: float = START_SECONDS,
) -> Iterator[Server]:
    """The product with every protection on, its state in ``state`` or a folder of its own.

    ``settings`` are those that are neither as shipped nor in ``PROTECTED``, by part and knob.
    """
    port, operations = free_port(), free_port()
    with folder() as directory:
        own = {**PROTECTED, **(settings or {})}
        environment = {
            "EXPORTER_JOURNAL__DIRECTORY": str(state or directory),
            "EXPORTER_RECEIVER__PORT": str(port),
            "EXPORTER_OPERATIONS__PORT": str(operations),
            "EXPORTER_LOG_LEVEL": "WARNING",
            **{f"EXPORTER_{name}": value for name, value in own.items()},
        }
        command = [sys.executable, "-m", "exporter", "serve"]
        with running("exporter", command, cores, environment) as run:
            yield ready(Server("exporter", port, operations, run), patience)


@contextmanager
def victoria_metrics(cores: str, port: int | None = None) -> Iterator[Server]:
    """A real store of points, empty."""
    port = port or free_port()
    with folder() as directory:
        command = [
            tool("victoria-metrics", "victoria-metrics"),
            f"-storageDataPath={directory}",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-retentionPeriod=100y",
            "-loggerLevel=ERROR",
        ]
        with running("victoria-metrics", command, cores, {}) as run:
            yield ready(Server("victoria-metrics", port, port, run))


@contextmanager
def running(
    name: str, command: Sequence[str], cores: str, environment: Mapping[str, str]
) -> Iterator[psutil.Process]:
    """A process on these cores, until it is told to end."""
    child = subprocess.Popen(  # noqa: S603 - our own servers
        [tool("taskset", "util-linux"), "-c", cores, *command],
        env={**os.environ, **environment},
    )
    try:
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        if child.wait(30) not in {0, -15}:
            raise SystemExit(f"{name} ended with {child.returncode}")


def ready(server: Server, patience: float = START_SECONDS) -> Server:
    """The server, once it listens."""
    latest = time.monotonic() + patience
    while time.monotonic() < latest:
        try:
            socket.create_connection(("127.0.0.1", server.port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return server
    raise SystemExit(f"{server.name} does not listen")
