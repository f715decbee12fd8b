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
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache, partial
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
from exporter.privacy import scrub
from exporter.record import Refusal
from exporter.settings import Receiver as ReceiverSettings
from exporter.telemetry import Code, Rejection

log = logging.getLogger(__name__)

PREFLIGHT_SECONDS: Final = "7200"
SAMPLE: Final = 1024
"""Characters that are kept of a refused beacon."""

JSON_TYPES: Final = frozenset({"", "text/plain", "application/json"})
ALLOWED_METHODS: Final = "POST, OPTIONS"
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

_BOUNDS: Final = telemetry.REQUEST_SECONDS.buckets
_ONE_ACCEPTED: Final = msgspec.json.encode(
    {"success": True, "accepted": 1, "duplicate": 0, "rejected": []}
)


Handler = Callable[[web.Request], Awaitable[web.Response]]


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
        process = engine.process
        self._responses = {
            code: process.cell(telemetry.RESPONSES, telemetry.ByCode(code)) for code in Code
        }
        self._seconds = process.cell(telemetry.REQUEST_SECONDS)
        self._buckets = Buckets(settings.rate_per_second, settings.rate_burst)

    def application(self) -> web.Application:
        """The routes; a key may also come as the first segments of any path: ``/k/<key>/…``."""
        # No middleware: each costs every request what a tenth of the whole pipeline costs.
        app = web.Application(client_max_size=self._settings.batch_bytes)
        router = app.router
        for path, form in self._formats.items():
            beacon = partial(self._answered, partial(self._beacon, path, form))
            for route in (path, f"/k/{{key}}{path}"):
                router.add_post(route, beacon)
                router.add_options(route, partial(self._answered, self._preflight))
                router.add_route("*", route, partial(self._answered, _wrong_method))
        router.add_get("/v1/schema", partial(self._answered, self._show_schema))
        router.add_route("*", "/{path:.*}", partial(self._answered, _not_found))
        return app

    async def _answered(self, handler: Handler, request: web.Request) -> web.Response:
        """Count the answer; an error of the program is one of ours, and echoes nothing."""
        began = time.perf_counter()
        try:
            response = await handler(request)
        except Exception:
            log.exception("a request could not be handled")
            response = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal")
        self._responses[_code(response.status)][0] += 1.0
        seconds = time.perf_counter() - began
        self._seconds[bisect_left(_BOUNDS, seconds)] += 1.0
        self._seconds[-1] += seconds
        if hdrs.ORIGIN in request.headers:
            self._allow_origin(request, response.headers)
        return response

    async def _beacon(self, path: str, form: Format, request: web.Request) -> web.Response:
        if not self._engine.writable:
            return self._unavailable()
        try:
            return await self._take(path, form, request)
        except RefusedError as refusal:
            self._engine.turn_away((self._refusal(refusal.reason, path, refusal.body),))
            return problem(STATUS[refusal.reason], refusal.reason.value)
        except NotWrittenError:
            return self._unavailable()
        except TimeoutError:
            return problem(HTTPStatus.REQUEST_TIMEOUT, "timeout")

    def _refusal(self, reason: Rejection, path: str, body: bytes) -> Refusal:
        """Scrubbing costs more than refusing, so only what will be kept is scrubbed."""
        if not body or not self._engine.wants_samples:
            return Refusal(reason, path)
        return Refusal(reason, path, scrub(body[: 4 * SAMPLE].decode(errors="replace"), SAMPLE))

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
            if request.content.is_eof():
                body = await request.read()
            else:
                async with asyncio.timeout(self._settings.read_timeout_seconds):
                    body = await request.read()
        except TimeoutError:
            request.protocol.force_close()
            raise
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
        refusals = [self._refusal(each.reason, path, each.body) for each in parsed.rejected]
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
        response.headers[hdrs.ALLOW] = ALLOWED_METHODS
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
            headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = ALLOWED_METHODS
            headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = ALLOWED_HEADERS
            headers[hdrs.ACCESS_CONTROL_MAX_AGE] = PREFLIGHT_SECONDS

    async def _show_schema(self, request: web.Request) -> web.Response:
        return encoded(self._schema, HTTPStatus.OK)


async def _wrong_method(request: web.Request) -> web.Response:
    response = problem(HTTPStatus.METHOD_NOT_ALLOWED, "method")
    response.headers[hdrs.ALLOW] = ALLOWED_METHODS
    return response


async def _not_found(request: web.Request) -> web.Response:
    return problem(HTTPStatus.NOT_FOUND, "not_found")


@lru_cache(64)
def _code(status: int) -> Code:
    return Code(str(status))


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
