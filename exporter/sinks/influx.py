"""Points to InfluxDB: 2.x, 3 Core, and whatever else takes ``/api/v2/write`` line protocol."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus

import aiohttp
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.rest import ApiException

from exporter.event import Field, Point
from exporter.sink import SinkAwayError, SinkBusyError, SinkRefusedError

_NAME_ESCAPES = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\=", "\n": r"\n", "\r": r"\r"})
# A point is one line, in the outbox as well.
_TEXT_ESCAPES = str.maketrans({'"': r"\"", "\\": "\\\\", "\n": r"\n", "\r": r"\r"})
_LATER = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT}
_ABOUT_THE_LINES = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
LONGEST_REASON = 300


def line(point: Point, stamp: int, *, instance: str = "") -> str:
    """A point with its timestamp (ns) in line protocol, tags and fields in the domain's order.

    Numbers are always floats, so that JavaScript's ``10`` and ``10.5`` are one type. With a name
    of the instance, the totals that several of them tell for one time stand beside each other.
    """
    fields = ",".join(
        [
            f"{_escaped(name)}={value!r}"
            if value.__class__ is float
            else f"{_escaped(name)}={_value(value)}"
            for name, value in point.fields
        ]
    )
    tags = (*point.tags, ("instance", instance)) if instance else point.tags
    series = _written if point.open_tags else _known
    return f"{series(point.measurement, tags)} {fields} {stamp}"


def _written(measurement: str, tags: tuple[tuple[str, str], ...]) -> str:
    return _escaped(measurement) + "".join(
        [f",{_escaped(tag)}={_escaped(value)}" for tag, value in tags if value]
    )


_known = lru_cache(4096)(_written)
"""Of closed tags: the same few thousand series come again and again, of 1 to 2 KB each.

Of a play, with its video and course, hardly one in twenty would, however many were remembered.
"""


@lru_cache(4096)
def _escaped(name: str) -> str:
    return name.translate(_NAME_ESCAPES)


def _value(value: Field) -> str:
    if isinstance(value, str):
        return f'"{value.translate(_TEXT_ESCAPES)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(float(value))


class InfluxSink:
    """One bucket of one InfluxDB. Errors of its own configuration are waited out, not refused."""

    def __init__(
        self, *, url: str, token: str, org: str, bucket: str, timeout_seconds: float
    ) -> None:
        self._client = InfluxDBClientAsync(
            url=url, token=token, org=org, timeout=int(timeout_seconds * 1000), enable_gzip=True
        )
        self._write_api = self._client.write_api()
        self._org, self._bucket = org, bucket

    async def write(self, lines: Sequence[str]) -> None:
        """Deliver lines; see :class:`exporter.sink.Sink`."""
        try:
            await self._write_api.write(bucket=self._bucket, org=self._org, record="\n".join(lines))
        except ApiException as answer:
            raise _error(answer) from answer
        except (aiohttp.ClientError, TimeoutError, OSError) as failure:
            raise SinkAwayError(f"{type(failure).__name__}: {failure}") from failure

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()  # type: ignore[no-untyped-call]


def _error(answer: ApiException) -> SinkAwayError | SinkBusyError | SinkRefusedError:
    said = f"{answer.status}: {str(answer.body or answer.reason)[:LONGEST_REASON]}"
    status = answer.status or 0
    if status in _ABOUT_THE_LINES:
        return SinkRefusedError(said)
    if status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SinkBusyError(said)
    # A wrong token, a wrong bucket, or no InfluxDB at all: that is not the fault of the lines.
    return SinkAwayError(said)
