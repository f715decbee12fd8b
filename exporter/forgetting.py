"""``python -m exporter forget --viewer NAME``: nothing that is kept names somebody any more.

The running instance takes their hash out of its states and of what waits, and the play out of
both whose id the name is; what InfluxDB holds is written again with another word in its place. What
was counted stays counted.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import msgspec

from exporter import audit, key
from exporter.event import FORGOTTEN, Point
from exporter.influxql import QuestionError, ask, literal
from exporter.privacy import Privacy
from exporter.record import People
from exporter.settings import Influx, Operations, Settings, without_password
from exporter.sink import SinkAwayError, SinkBusyError, SinkRefusedError
from exporter.sinks.influx import InfluxSink, line

TIMEOUT: Final = aiohttp.ClientTimeout(total=60)
PASSES: Final = 5
"""Looks at InfluxDB: what was on its way there is written after the first."""

NAMING: Final = (("play", "viewer"), ("play", "play_id"))
"""The measurements with a field that tells people apart, and the field."""

WHAT: Final = "people.forgotten_in_influxdb"
"""Of which the instance, which writes down its own part, knows nothing."""


class _FailedError(Exception):
    """What could not be done, in words."""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument(
        "--viewer",
        action="append",
        required=True,
        metavar="NAME",
        help="what events call them: a viewer, user_id, session_id, play_id or person; "
        "may be repeated",
    )
    parser.add_argument(
        "--url", help="address of the operations port; default: as the settings say"
    )


async def run(settings: Settings, said: argparse.Namespace, now: Callable[[], float]) -> int:
    """Do it; 1 where a part could not be done, which is then said."""
    directory, influx = settings.journal.directory, settings.influx
    own = Privacy(settings.lists, key.load(directory))
    names = tuple(said.viewer)
    people = People(tuple(each for name in names for each in own.traces(name)), names)

    def write_audit(**outcome: int | str) -> None:
        # Who it was is just what must not be written down.
        audit.write(directory, WHAT, {"people": len(names), **outcome}, now())

    try:
        waiting = await _ask_instance(settings.operations, said.url, people)
    except _FailedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    where = "no InfluxDB is configured"
    if influx.url:
        try:
            written = await _rename(influx, people)
        except _FailedError as error:
            write_audit(not_done="all or a part")
            sys.stderr.write(f"{error}\n")
            return 1
        write_audit(points=written)
        where = f"{written} in InfluxDB"
    sys.stdout.write(f"forgotten: {waiting} points that wait, {where}\n")
    return 0


async def _ask_instance(operations: Operations, url: str | None, people: People) -> int:
    host = f"[{operations.host}]" if ":" in operations.host else operations.host
    scheme = "http" if operations.certificate is None else "https"
    base = url or f"{scheme}://{host}:{operations.port}"
    token = operations.secret()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    trust = True if operations.certificate is None else _trusting(operations)
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.post(
                f"{base}/forget", json=msgspec.to_builtins(people), headers=headers, ssl=trust
            ) as answer,
        ):
            if answer.status != HTTPStatus.OK:
                raise _FailedError(f"{base}: {answer.status}; nothing was forgotten")
            said: Any = await answer.json()
            return int(said["points"])
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _FailedError(
            f"{base}: {error or 'no answer in time'}; the instance must run to forget"
        ) from error


def _trusting(operations: Operations) -> ssl.SSLContext:
    """Our own certificate is the one to expect, whoever signed it."""
    context = ssl.create_default_context(cafile=str(operations.certificate))
    context.check_hostname = False
    return context


async def _rename(influx: Influx, people: People) -> int:
    """Write the points that hold a hash or a name again; how many."""
    written = 0
    sink = InfluxSink(
        url=influx.url,
        token=influx.secret(),
        org=influx.org,
        bucket=influx.bucket,
        timeout_seconds=influx.timeout_seconds,
    )
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session:
            for look in range(PASSES):
                lines = await _naming(session, influx, people)
                if lines:
                    await sink.write(lines)
                    written += len(lines)
                elif look:
                    break
                await asyncio.sleep(influx.every_seconds)
    except (
        SinkAwayError,
        SinkBusyError,
        SinkRefusedError,
        QuestionError,
        aiohttp.ClientError,
        TimeoutError,
    ) as error:
        raise _FailedError(
            f"{without_password(influx.url)}: {error or 'no answer in time'}; "
            "what waited is forgotten, InfluxDB is not done: try again"
        ) from error
    finally:
        await sink.close()
    return written


async def _naming(session: aiohttp.ClientSession, influx: Influx, people: People) -> list[str]:
    """The points with a hash or a name, as lines that have another word in its place."""
    lines = []
    values = [literal(each) for each in (*people.hashes, *people.names)]
    for measurement, field in NAMING:
        which = " OR ".join(f'"{field}" = {value}' for value in values)
        asked = f'SELECT "{field}" FROM "{measurement}" WHERE {which} GROUP BY *'  # noqa: S608
        for series in await ask(session, influx, asked, epoch="ns"):
            tags = tuple(series["tags"].items())
            for stamp, _ in series["values"]:
                lines.append(line(Point(measurement, tags, ((field, FORGOTTEN),)), stamp))
    return lines
