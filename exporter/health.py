"""The operations port: is it alive, can it take beacons, and what are the numbers.

Alive: the loop answers. Ready: beacons can be written down. A sink that is away is *degraded*,
never *not ready*: that is what the journal and the outbox are for. No traffic is not ill health.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import sqlite3
import zlib
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

from exporter.answers import RETRY_SECONDS, answer, problem
from exporter.delivery import Delivery
from exporter.engine import Engine, NotWrittenError
from exporter.record import People
from exporter.sinks.prometheus import CONTENT_TYPE, Exposition

log = logging.getLogger(__name__)

_PEOPLE: Final = msgspec.json.Decoder(People)


Record = Callable[[str, Mapping[str, Any]], None]
"""Writes what was done, and its details, into the audit log; OSError where that cannot be."""


class Health:
    """The operations port's handlers."""

    def __init__(
        self,
        *,
        engine: Engine,
        exposition: Exposition,
        delivery: Delivery,
        token: str,
        record: Record,
    ) -> None:
        self._engine = engine
        self._record = record
        self._bearer = f"Bearer {token}".encode() if token else b""
        self._exposition = exposition
        self._delivery = delivery
        self.stopping = False

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """``/metrics``, ``/health/live``, ``/health/ready``; and ``POST /forget``."""
        if request.path == "/forget" and request.method == hdrs.METH_POST:
            return await self._forget(request) if self._may_read(request) else _who()
        if request.method not in {hdrs.METH_GET, hdrs.METH_HEAD}:
            return problem(HTTPStatus.METHOD_NOT_ALLOWED, "method")
        if request.path == "/metrics":
            return await self._metrics(request) if self._may_read(request) else _who()
        if request.path == "/health/live":
            return answer({"status": "alive"})
        if request.path == "/health/ready":
            return self._ready()
        return problem(HTTPStatus.NOT_FOUND, "not_found")

    def _may_read(self, request: web.BaseRequest) -> bool:
        """Probes of health need no token: whoever runs us can ask them, and they say nothing."""
        given = request.headers.get(hdrs.AUTHORIZATION, "").encode(errors="backslashreplace")
        return not self._bearer or hmac.compare_digest(given, self._bearer)

    async def _forget(self, request: web.BaseRequest) -> web.Response:
        """People of whom nothing is kept from now on."""
        # A page cannot send JSON here without asking first, and nobody would answer it.
        if request.content_type != "application/json":
            return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_type")
        protocol: Any = request.protocol
        try:
            people = _PEOPLE.decode(await protocol.whole(request))
        except TimeoutError:
            return problem(HTTPStatus.REQUEST_TIMEOUT, "timeout")
        except web.HTTPRequestEntityTooLarge:
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return problem(HTTPStatus.BAD_REQUEST, "invalid")
        return await self._forgotten(people)

    async def _forgotten(self, people: People) -> web.Response:
        """Done once it is in the audit log as well; who it was is just what must not be there."""
        try:
            points = await self._engine.forget(people)
            details = {"people": len(people.names or people.hashes), "points_waiting": points}
            await asyncio.to_thread(self._record, "people.forgotten", details)
        except (NotWrittenError, OSError, sqlite3.Error) as error:
            log.warning("somebody is not forgotten yet", extra={"error": str(error)})
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", retry=RETRY_SECONDS)
        return answer({"points": points})

    async def _metrics(self, request: web.BaseRequest) -> web.Response:
        text = await self._exposition.render()
        response = web.Response(body=text, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})
        if "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            # zlib lets go of the interpreter while it works.
            loop = asyncio.get_running_loop()
            response.body = await loop.run_in_executor(None, _gzip, text)
            response.headers[hdrs.CONTENT_ENCODING] = "gzip"
        return response

    def _ready(self) -> web.Response:
        checks = {
            "journal": "ok" if self._engine.writable else "not writable",
            "influx": self._delivery.status,
        }
        if self.stopping or not self._engine.writable:
            status = "stopping" if self.stopping else "not ready"
            return answer({"status": status, "checks": checks}, HTTPStatus.SERVICE_UNAVAILABLE)
        degraded = self._delivery.status not in {"ok", "not configured"}
        return answer({"status": "degraded" if degraded else "ready", "checks": checks})


def _who() -> web.Response:
    response = problem(HTTPStatus.UNAUTHORIZED, "unauthorised")
    response.headers[hdrs.WWW_AUTHENTICATE] = "Bearer"
    return response


def _gzip(text: bytes) -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    return packer.compress(text) + packer.flush()
