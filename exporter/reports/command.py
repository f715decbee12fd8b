"""``python -m exporter report NAME``: one report, now or as of a moment."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from exporter.reports.formats import FORMATS
from exporter.reports.kinds import KINDS
from exporter.reports.prometheus import AwayError
from exporter.reports.reporting import Reporting
from exporter.settings import Settings


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("name", choices=KINDS, metavar="NAME", help=", ".join(KINDS))
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument(
        "--at",
        type=datetime.fromisoformat,
        metavar="TIME",
        help="end of the report (ISO 8601; in the configured zone if it has none); default: now",
    )


async def run(settings: Settings, arguments: argparse.Namespace, now: float) -> int:
    """Print or write the report; 1 where Prometheus does not answer."""
    zone = ZoneInfo(settings.reports.zone)
    at: datetime = arguments.at or datetime.fromtimestamp(now, zone)
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone)
    if arguments.format == "pdf" and arguments.output is None and sys.stdout.isatty():
        sys.stderr.write("A PDF is not for a terminal; name a file with --output.\n")
        return 2
    reporting = Reporting(settings.reports, settings.influx, lambda: now)
    try:
        report = await reporting.report(arguments.name, at)
    except AwayError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    printed = FORMATS[arguments.format](report)
    if arguments.output is None:
        sys.stdout.buffer.write(printed)
    else:
        arguments.output.write_bytes(printed)
    return 0
