"""``python -m exporter COMMAND``: the command line; ``--help`` names the commands."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import uvloop
from pydantic import ValidationError

from exporter import audit, dead_letters, forgetting, key
from exporter.app import Application, TooOldError, UnknownLifecycleError
from exporter.catalogue import Catalogue, OverBudgetError
from exporter.check import check
from exporter.checkpoint import StateInUseError, UnreadableStateError
from exporter.events import DOMAINS
from exporter.formats.webhooks.signature import UnusableSecretError
from exporter.key import UnusableKeyError
from exporter.mistakes import sentences
from exporter.probes import UnknownServiceError
from exporter.record import UnreadableJournalError
from exporter.reports import command as report
from exporter.retention import command as retention
from exporter.settings import EmptySecretError, Settings, effective, render

USAGE: Final = 2
PAGES: Final[dict[str, Callable[[], str]]] = {
    "metrics": lambda: Catalogue(DOMAINS).render(),
    "settings": render,
}


class JsonLines(logging.Formatter):
    """One JSON object a line: when, how bad, what, and the fields that came with it."""

    _plain = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        said: dict[str, Any] = {
            "at": f"{at}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        said |= {key: value for key, value in vars(record).items() if key not in self._plain}
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, default=str)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 done, 1 found wanting, 2 cannot even start."""
    parser = argparse.ArgumentParser(prog="python -m exporter", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="take beacons until SIGTERM")
    commands.add_parser("check", help="print the effective settings and probe what they point to")
    report.add(commands.add_parser("report", help="print a report, made of what Prometheus keeps"))
    letters = commands.add_parser("dead-letters", help="what was refused: look, replay, forget")
    dead_letters.add(letters)
    forgetting.add(commands.add_parser("forget", help="keep nothing more that names somebody"))
    commands.add_parser("rotate-key", help="nobody can be found any more in what is kept so far")
    commands.add_parser("audit", help="print what operators did, and whether the log is intact")
    retention.add(commands.add_parser("influx", help="lay out the buckets of InfluxDB"))
    commands.add_parser("metrics", help="print docs/metrics.md")
    commands.add_parser("settings", help="print docs/settings.md")
    said = parser.parse_args(arguments)
    if said.command in PAGES:
        sys.stdout.write(PAGES[said.command]())
        return 0
    try:
        settings = Settings()
        _log_to_stderr(settings.log_level)
        return uvloop.run(_RUN[said.command](settings, said))
    except ValidationError as error:
        known = [name for name, _ in effective(Settings.model_construct())]
        for sentence in sentences(error, "EXPORTER_", known):
            sys.stderr.write(f"{sentence}\n")
        return USAGE
    except _CANNOT_START as error:
        sys.stderr.write(f"{error}\n")
        return USAGE


_CANNOT_START: Final = (
    EmptySecretError,
    OSError,
    OverBudgetError,
    StateInUseError,
    TooOldError,
    UnknownLifecycleError,
    UnknownServiceError,
    UnreadableJournalError,
    dead_letters.UnreadableLettersError,
    UnreadableStateError,
    UnusableKeyError,
    UnusableSecretError,
)


async def _serve(settings: Settings, said: argparse.Namespace) -> int:
    await Application(settings).serve()
    return 0


async def _rotate_key(settings: Settings, said: argparse.Namespace) -> int:
    directory = settings.journal.directory
    key.rotate(directory)
    audit.write(directory, "key.replaced", {}, time.time())
    sys.stdout.write("the key is replaced; an instance that runs uses the new one in a minute\n")
    return 0


async def _print_audit(settings: Settings, said: argparse.Namespace) -> int:
    lines = list(audit.read(settings.journal.directory))
    for line in lines:
        mark = "" if line.intact else "TORN " if line.torn else "CHANGED "
        sys.stdout.write(f"{mark}{line.text}\n")
    torn = sum(line.torn for line in lines)
    broken = sum(not line.intact for line in lines) - torn
    sys.stderr.write(
        f"{len(lines)} lines, {broken} of them not as they were written, {torn} never finished\n"
    )
    return int(broken > 0)


_RUN: Final[Mapping[str, Callable[[Settings, argparse.Namespace], Coroutine[Any, Any, int]]]] = {
    "serve": _serve,
    "check": lambda settings, said: check(settings),
    "report": lambda settings, said: report.run(settings, said, time.time()),
    "dead-letters": lambda settings, said: dead_letters.run(settings, said, time.time),
    "forget": lambda settings, said: forgetting.run(settings, said, time.time),
    "rotate-key": _rotate_key,
    "audit": _print_audit,
    "influx": lambda settings, said: retention.run(settings.influx, said),
}


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler])


if __name__ == "__main__":
    sys.exit(main())
