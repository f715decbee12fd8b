"""Starts processes, waits until they are ready, notices when one dies, stops them in order."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from stack.layout import ROOT, Listener, Part

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
LOG_LINES: Final = 20


class StackError(Exception):
    """Something does not run, and why; the message is for a person."""


class Stopped(BaseException):
    """Somebody asked to stop. Not an error, so nothing that handles errors may swallow it."""


def stop_on_signals() -> None:
    """Let Ctrl-C, SIGTERM and a closed terminal raise :class:`Stopped`, once."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number: int, frame: object) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    for number in numbers:
        # nohup has the closed terminal ignored, and means it.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def check_ports(parts: Sequence[Part]) -> None:
    """Refuse before anything starts where a port is taken; name it and what moves it."""
    wrong = [
        f"{listener.variable} is 0, but here everybody has to know the port."
        for part in parts
        for listener in part.listeners
        if not listener.port
    ]
    wrong += [
        f"Port {listener.port} is in use, and {part.name} needs it. "
        f"Stop what listens there, or choose another: {listener.variable}=… make run"
        for part in parts
        for listener in part.listeners
        if not _is_free(listener)
    ]
    if wrong:
        raise StackError("\n".join(wrong))


def _is_free(listener: Listener) -> bool:
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    with socket.socket(family) as probe:
        # A server that stopped a moment ago leaves connections behind that hinder nobody.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.host, listener.port))
        except OSError:
            return False
        return True


class Supervisor:
    """The processes of one run; leaving its block stops them, last started first."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: list[tuple[Part, subprocess.Popen[bytes]]] = []

    def start(self, part: Part) -> None:
        """Start ``part`` in a session of its own, so that Ctrl-C reaches only this process."""
        program = shutil.which(part.command[0])
        if program is None:
            raise StackError(f"{part.command[0]} is missing; `sh stack/debian.sh run` gets it.")
        with self._log(part).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - the command is ours
                # Whatever becomes of this process, none of its children outlives it.
                ("setpriv", "--pdeathsig", "TERM", program, *part.command[1:]),  # noqa: S607
                cwd=ROOT,
                env=os.environ | dict(part.environment),
                stdin=subprocess.DEVNULL,
                stdout=None if part.talks else log,
                stderr=log,
                start_new_session=True,
            )
        self._running.append((part, process))

    def wait_until_ready(self) -> None:
        """Return when every part says that it is ready."""
        deadline = time.monotonic() + READY_SECONDS
        for part, _ in self._running:
            while not _is_ready(part):
                self.check()
                if time.monotonic() > deadline:
                    raise StackError(f"{part.name} is not ready.\n{self._last_words(part)}")
                time.sleep(0.1)

    def check(self) -> None:
        """Raise where a process has ended that nobody stopped."""
        for part, process in self._running:
            if process.poll() is not None:
                raise StackError(
                    f"{part.name} ended with {process.returncode}.\n{self._last_words(part)}"
                )

    def watch(self) -> None:
        """Never return: until :class:`Stopped`, or until a part dies."""
        while True:
            self.check()
            time.sleep(0.5)

    def stop(self) -> None:
        """Stop every process by its id, and wait for each before the next."""
        while self._running:
            part, process = self._running.pop()
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                sys.stderr.write(f"{part.name} does not stop; killed.\n")
                process.kill()
                process.wait()

    def _log(self, part: Part) -> Path:
        return self._logs / f"{part.name}.log"

    def _last_words(self, part: Part) -> str:
        log = self._log(part)
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return "\n".join((f"The end of {log}:", *lines))


@contextlib.contextmanager
def supervised(logs: Path) -> Iterator[Supervisor]:
    """A supervisor whose processes are stopped at the end of the block, whatever happens."""
    supervisor = Supervisor(logs)
    try:
        yield supervisor
    finally:
        supervisor.stop()


def _is_ready(part: Part) -> bool:
    if part.ready:
        try:
            with urllib.request.urlopen(part.ready, timeout=2):  # noqa: S310 - on this machine
                return True
        except (urllib.error.URLError, OSError):
            return False
    return not any(map(_is_free, part.listeners))
