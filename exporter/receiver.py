"""Beacons in over HTTP: limits, keys, CORS, answers.

The order of the checks is: cheapest and surest first. Nothing that a client sent is ever part of
an answer.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
import zlib
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web
from multidict import CIMultiDict

from exporter import telemetry
from exporter.addresses import Addresses
from exporter.answers import answer, encoded, problem
from exporter.dedup import fingerprint
from exporter.engine import Engine, NotWrittenError
from exporter.event import Event, event_type
from exporter.formats.format import Format, Parsed, RefusedError, Sender
from exporter.limits import Buckets
from exporter.metric import Unlabelled
from exporter.privacy import scrub
from exporter.record import Refusal
from exporter.settings import Receiver as ReceiverSettings
from exporter.telemetry import Code, Rejection

log = logging.getLogger(__name__)

PREFLIGHT_SECONDS: Final = "7200"
SAMPLE: Final = 1024
"""Characters that are kept of a refused beacon."""

JSON_TYPES: Final = frozenset({"", "text/plain", "application/json"})
ALLOWED_HEADERS: Final = "content-type, content-encoding, x-api-key"

STATUS: Final[Mapping[Rejection, HTTPStatus]] = {
    Rejection.MALFORMED: HTTPStatus.BAD_REQUEST,
    Rejection.INVALID: HTTPStatus.BAD_REQUEST,
    Rejection.INCOMPLETE: HTTPStatus.BAD_REQUEST,
    Rejection.UNKNOWN_TYPE: HTTPStatus.BAD_REQUEST,
    Rejection.UNAUTHORISED: HTTPStatus.UNAUTHORIZED,
    Rejection.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Rejection.TOO_MANY_EVENTS: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Rejection.UNSUPPORTED_ENCODING: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Rejection.UNSUPPORTED_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}
_WORDS: Final = {404: "not_found", 405: "method", 408: "timeout", 413: "too_large"}

_ONE_ACCEPTED: Final = msgspec.json.encode(
    {"success": True, "accepted": 1, "duplicate": 0, "rejected": []}
)


class Receiver:
    """The public port's handlers."""

    def __init__(
        self,
        *,
        engine: Engine,
        formats: Mapping[str, Format],
        schema: bytes,
        settings: ReceiverSettings,
    ) -> None:
        self._engine = engine
        self._formats = formats
        self._schema = schema
        self._settings = settings
        self._keys = tuple(key.get_secret_value().encode() for key in settings.keys)
        self._addresses = Addresses(settings.proxies, settings.country_header)
        self._buckets = Buckets(settings.rate_per_second, settings.rate_burst)

    def application(self) -> web.Application:
        """The routes; a key may also come as the first segments of any path: ``/k/<key>/…``."""
        app = web.Application(
            client_max_size=self._settings.batch_bytes, middlewares=[self._always_answer]
        )
        for path, form in self._formats.items():
            handler = partial(self._beacon, path, form)
            for route in (path, f"/k/{{key}}{path}"):
                app.router.add_post(route, handler)
                app.router.add_options(route, self._preflight)
        app.router.add_get("/v1/schema", self._show_schema)
        return app

    @web.middleware
    async def _always_answer(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Count the answer, and turn every error into JSON that echoes nothing."""
        began = time.perf_counter()
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            response = problem(HTTPStatus(error.status), _WORDS.get(error.status, "error"))
            if hdrs.ALLOW in error.headers:
                response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        except Exception:
            log.exception("a request could not be handled")
            response = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal")
        add = self._engine.process.add
        add(telemetry.RESPONSES(telemetry.ByCode(Code(str(response.status)))))
        add(telemetry.REQUEST_SECONDS(Unlabelled(), time.perf_counter() - began))
        if hdrs.ORIGIN in request.headers:
            self._allow_origin(request, response.headers)
        return response

    async def _beacon(self, path: str, form: Format, request: web.Request) -> web.Response:
        if not self._engine.writable:
            return self._unavailable()
        try:
            return await self._take(path, form, request)
        except RefusedError as refusal:
            sample = scrub(refusal.body.decode(errors="replace"), SAMPLE)
            self._engine.turn_away((Refusal(refusal.reason, path, sample),))
            return problem(STATUS[refusal.reason], refusal.reason.value)
        except NotWrittenError:
            return self._unavailable()

    def _unavailable(self) -> web.Response:
        """Nothing of the beacon was written down, and its sender is told so."""
        self._engine.refuse()
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", retry=True)

    async def _take(self, path: str, form: Format, request: web.Request) -> web.Response:
        key = self._key(request)
        if self._buckets.limited:
            sender = key or self._addresses.network(request)
            if not self._buckets.take(sender, self._engine.clock.now()):
                self._engine.turn_away(limited=1)
                return problem(HTTPStatus.TOO_MANY_REQUESTS, "limited", retry=True)
        settings = self._settings
        most_bytes = settings.batch_bytes if form.batch else settings.beacon_bytes
        body = await self._body(request, most_bytes)
        sender_says = Sender(
            path,
            request.headers.get(hdrs.USER_AGENT),
            self._addresses.country(request),
            request.query.get("type") if request.query_string else None,
            settings.batch_events if form.batch else settings.beacon_events,
        )
        try:
            parsed = form.parse(body, sender_says)
        except RefusedError as refusal:
            raise RefusedError(refusal.reason, body) from refusal
        return await self._write(path, parsed)

    def _key(self, request: web.Request) -> str:
        """The key of the request, which is known; empty where no keys are configured."""
        if not self._keys:
            return ""
        given = (
            request.headers.get("X-API-Key")
            or request.query.get("key")
            or request.match_info.get("key")
            or ""
        )
        offered = given.encode()
        if not any(hmac.compare_digest(offered, key) for key in self._keys):
            raise RefusedError(Rejection.UNAUTHORISED)
        return given

    async def _body(self, request: web.Request, most_bytes: int) -> bytes:
        encoding = _encoding(request.headers)
        if (request.content_length or 0) > most_bytes:
            raise RefusedError(Rejection.TOO_LARGE)
        try:
            async with asyncio.timeout(self._settings.read_timeout_seconds):
                body = await request.read()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            raise web.HTTPRequestTimeout from None
        except web.HTTPRequestEntityTooLarge:
            raise RefusedError(Rejection.TOO_LARGE) from None
        except web.RequestPayloadError:
            raise RefusedError(Rejection.MALFORMED) from None
        if encoding == "gzip":
            body = inflate(body, most_bytes)
        if len(body) > most_bytes:
            raise RefusedError(Rejection.TOO_LARGE)
        return body

    async def _write(self, path: str, parsed: Parsed) -> web.Response:
        refusals = [
            Refusal(each.reason, path, scrub(each.body.decode(errors="replace"), SAMPLE))
            for each in parsed.rejected
        ]
        if refusals:
            self._engine.turn_away(refusals)
        duplicate = self._known(parsed.events)
        if parsed.events:
            await self._engine.write(parsed.events)
            if len(parsed.events) == 1 and not duplicate and not refusals:
                return encoded(_ONE_ACCEPTED, HTTPStatus.ACCEPTED)
        body: dict[str, Any] = {
            "success": bool(parsed.events) or not refusals,
            "accepted": len(parsed.events) - duplicate,
            "duplicate": duplicate,
            "rejected": [{"index": r.place, "reason": r.reason} for r in parsed.rejected],
        }
        if body["success"]:
            return answer(body, HTTPStatus.ACCEPTED)
        return answer({**body, "error": parsed.rejected[0].reason}, HTTPStatus.BAD_REQUEST)

    def _known(self, events: tuple[Event, ...]) -> int:
        """How many of the events repeat what was counted; the pipeline decides when it counts."""
        seen: set[bytes] = set()
        known = 0
        for event in events:
            if event.id is not None:
                mark = fingerprint(event_type(event), event.id)
                known += mark in seen or self._engine.pipeline.dedup.knows(mark)
                seen.add(mark)
        return known

    async def _preflight(self, request: web.Request) -> web.Response:
        response = web.Response(status=HTTPStatus.NO_CONTENT)
        response.headers[hdrs.ALLOW] = "POST, OPTIONS"
        return response

    def _allow_origin(self, request: web.Request, headers: CIMultiDict[str]) -> None:
        """Echo an allowed origin: beacons come with credentials, which forbids the wildcard."""
        headers[hdrs.VARY] = hdrs.ORIGIN
        origin = request.headers[hdrs.ORIGIN]
        if origin not in self._settings.origins and "*" not in self._settings.origins:
            return
        headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
        headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = hdrs.RETRY_AFTER
        if request.method == hdrs.METH_OPTIONS:
            headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = "POST, OPTIONS"
            headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = ALLOWED_HEADERS
            headers[hdrs.ACCESS_CONTROL_MAX_AGE] = PREFLIGHT_SECONDS

    async def _show_schema(self, request: web.Request) -> web.Response:
        return encoded(self._schema, HTTPStatus.OK)


def _encoding(headers: Mapping[str, str]) -> str:
    """``identity`` or ``gzip``, of a body that may be JSON; everything else is refused."""
    content_type = headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
    if content_type not in JSON_TYPES:
        raise RefusedError(Rejection.UNSUPPORTED_TYPE)
    encoding = headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower()
    # "Transfer-Encoding: gzip, chunked" and the like are how requests are smuggled past proxies.
    transfer = headers.get(hdrs.TRANSFER_ENCODING, "chunked").strip().lower()
    if encoding not in {"identity", "gzip"} or transfer != "chunked":
        raise RefusedError(Rejection.UNSUPPORTED_ENCODING)
    return encoding


def inflate(body: bytes, most: int) -> bytes:
    """One gzip member, inflated to at most ``most`` bytes."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        plain = inflater.decompress(body, most + 1)
    except zlib.error:
        raise RefusedError(Rejection.MALFORMED) from None
    if len(plain) > most:
        raise RefusedError(Rejection.TOO_LARGE)
    if not inflater.eof or inflater.unused_data:
        raise RefusedError(Rejection.MALFORMED)
    return plain
