"""``python -m exporter influx setup``: buckets, tasks and mappings of InfluxDB 2."""

from __future__ import annotations

import argparse
import sys

import aiohttp

from exporter.retention.api import Api, SetupError
from exporter.retention.plan import plan
from exporter.retention.setup import Setup
from exporter.settings import Influx, without_password

_SHOWN = {"created": "would create", "updated": "would update"}


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("action", choices=("setup",), help="make what is missing, change the rest")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")


async def run(settings: Influx, arguments: argparse.Namespace) -> int:
    """Set it up, a line for each thing; 1 where it cannot be."""
    if not settings.url:
        sys.stderr.write("There is no InfluxDB to set up: EXPORTER_INFLUX__URL is not set.\n")
        return 1
    timeout = aiohttp.ClientTimeout(total=settings.timeout_seconds)
    changed = False
    try:
        async with aiohttp.ClientSession(timeout=timeout) as http:
            api = Api(http, settings, without_password(settings.url))
            setup = Setup(api, await api.organisation(settings.org), dry_run=arguments.dry_run)
            async for step in setup.run(plan(settings)):
                changed |= step.changes
                done = _SHOWN.get(step.done, step.done) if arguments.dry_run else step.done
                sys.stdout.write(f"{done:12} {step.what}\n")
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("" if changed else "Nothing to do.\n")
    return 0
