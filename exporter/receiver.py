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
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import hdrs, web
from multidict import CIMultiDict, CIMultiDictProxy

from exporter import telemetry
from exporter.addresses import Addresses
from exporter.answers import Prepared, answer, encoded, nothing, problem
from exporter.engine import Engine, NotWrittenError
from exporter.formats.format import Format, Parsed, RefusedError, Sender
from exporter.limits import Buckets
from exporter.privacy import scrub_beacon
from exporter.record import Refusal
from exporter.settings import Consent
from exporter.settings import Receiver as ReceiverSettings
from exporter.telemetry import Code, Rejection

log = logging.getLogger(__name__)

PREFLIGHT_SECONDS: Final = "7200"
SAMPLE: Final = 4096
"""Bytes that are kept of a refused beacon."""

ALLOWED_METHODS: Final = "POST, OPTIONS"
ALLOWED_HEADERS: Final = (
    "content-type, content-encoding, idempotency-key, traceparent, x-api-key, x-consent, "
    "x-faro-session-id, "
    "cmcd-object, cmcd-request, cmcd-session, cmcd-status, x-epas-event, x-epas-version"
)
"""What pages may send: the headers of every client that a format is for."""

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
    Rejection.UNSUPPORTED_VERSION: HTTPStatus.BAD_REQUEST,
    Rejection.UNWANTED: HTTPStatus.GONE,
    Rejection.NO_CONSENT: HTTPStatus.NO_CONTENT,
}

_BOUNDS: Final = telemetry.REQUEST_SECONDS.buckets
_ONE_ACCEPTED: Final = msgspec.json.encode(
    {"success": True, "accepted": 1, "duplicate": 0, "rejected": []}
)


_EMPTY: Final[Mapping[str, str]] = {}


class _Place(NamedTuple):
    """What is at a path."""

    path: str
    form: Format
    most_bytes: int
    most_events: int


class Receiver:
    """The public port: one coroutine that answers every request.

    aiohttp's router and middlewares are left out: they cost a request as much as its decoding.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        formats: Mapping[str, Format],
        nameless: Mapping[str, Format],
        schema: bytes,
        settings: ReceiverSettings,
        consent: Consent,
        person: Callable[[str], str],
    ) -> None:
        self._person = person
        self._consent = consent
        self._nameless = nameless
        self._engine = engine
        self._places = {path: _place(path, form, settings) for path, form in formats.items()}
        self._schema = schema
        self._settings = settings
        self._origins = frozenset(settings.origins)
        self._keys = tuple(key.get_secret_value().encode() for key in settings.keys)
        self._addresses = Addresses(settings.proxies, settings.country_header)
        process = engine.process
        self._responses = {
            code: process.cell(telemetry.RESPONSES, telemetry.ByCode(code)) for code in Code
        }
        self._seconds = process.cell(telemetry.REQUEST_SECONDS)
        self._buckets = Buckets(settings.rate_per_second, settings.rate_burst)
        self._one_accepted = Prepared(_ONE_ACCEPTED, HTTPStatus.ACCEPTED)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer, and count the answer; an error of the program echoes nothing either."""
        began = time.perf_counter()
        place = self._places.get(request.raw_path)
        try:
            if place is not None and request.method == hdrs.METH_POST:
                response = await self._beacon(place, "", request)
            else:
                response = await self._find(request)
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

    async def _find(self, request: web.BaseRequest) -> web.Response:
        """What is not a POST to a plain path; ``/k/<key>`` may stand before any path."""
        path, key = request.path, ""
        if path.startswith("/k/"):
            key, _, rest = path.removeprefix("/k/").partition("/")
            path = f"/{rest}"
        place = self._places.get(path)
        if place is None:
            if path == "/v1/schema" and request.method == hdrs.METH_GET:
                return encoded(self._schema, HTTPStatus.OK)
            return problem(HTTPStatus.NOT_FOUND, "not_found")
        in_query = place.form.in_query
        if request.method == hdrs.METH_POST or (in_query and request.method == hdrs.METH_GET):
            return await self._beacon(place, key, request)
        if request.method == hdrs.METH_OPTIONS:
            response = nothing()
        else:
            response = problem(HTTPStatus.METHOD_NOT_ALLOWED, "method")
        response.headers[hdrs.ALLOW] = f"GET, {ALLOWED_METHODS}" if in_query else ALLOWED_METHODS
        return response

    async def _beacon(self, place: _Place, key: str, request: web.BaseRequest) -> web.Response:
        form = place.form
        try:
            return await self._take(place, key, request)
        except RefusedError as refusal:
            self._engine.turn_away((self._refusal(refusal.reason, place, refusal.body),))
            return _refused(form, refusal.reason)
        except NotWrittenError:
            return self._unavailable(form)
        except (TimeoutError, ConnectionError):
            # Too slow, or gone within its body: nothing has reached us.
            late = problem(HTTPStatus.REQUEST_TIMEOUT, "timeout")
            return self._unavailable(form) if form.answers.always else late
        except Exception:
            if form.answers.patient:
                raise
            log.exception("a beacon could not be handled, and 500 would make it come again")
            return self._unavailable(form)

    async def _take(self, place: _Place, key: str, request: web.BaseRequest) -> web.Response:
        engine, form = self._engine, place.form
        if not engine.writable:
            raise NotWrittenError
        if not self._may_send(form, key, request):
            engine.turn_away(limited=1)
            return _later(form, HTTPStatus.TOO_MANY_REQUESTS, "limited")
        body = await self._body(request, place) if request.method == hdrs.METH_POST else b""
        if not self._has_consent(request):
            if self._consent.without == "nothing":
                raise RefusedError(Rejection.NO_CONSENT)
            form = self._nameless[place.path]
        try:
            parsed = form.parse(body, self._sender(place, request))
        except RefusedError as refusal:
            raise RefusedError(refusal.reason, body) from refusal
        if parsed.rejected:
            parts = parsed.rejected
            engine.turn_away([self._refusal(r.reason, place, r.body, part=True) for r in parts])
        duplicate = await engine.write(parsed.events) if parsed.events else 0
        return self._accepted(form, parsed, duplicate, request)

    def _refusal(
        self, reason: Rejection, place: _Place, body: bytes, *, part: bool = False
    ) -> Refusal:
        """Scrubbing costs more than refusing, so only what will be kept is scrubbed."""
        if not body or place.form.private or not self._engine.wants_samples:
            return Refusal(reason, place.path)
        sample = scrub_beacon(body[:SAMPLE].decode(errors="replace"), self._person)
        return Refusal(reason, place.path, sample, whole=len(body) <= SAMPLE, part=part)

    def _unavailable(self, form: Format) -> web.Response:
        """Nothing of the beacon was written down, and its sender is told so if it may know."""
        self._engine.refuse()
        return _later(form, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable")

    def _has_consent(self, request: web.BaseRequest) -> bool:
        """What is said about this beacon, else what the browser says of all, else the settings."""
        headers, consent = request.headers, self._consent
        said = headers.get("X-Consent")
        if said is None and "consent=" in request.raw_path:
            said = request.query.get("consent")
        if said is not None:
            return said == "granted"
        if consent.signals and (headers.get("Sec-GPC") == "1" or headers.get("DNT") == "1"):
            return False
        return not consent.required

    def _may_send(self, form: Format, key: str, request: web.BaseRequest) -> bool:
        """Whether the sender has a known key, where one is needed, and is within its rate."""
        key = self._known_key(key, request) if self._keys and not form.signed else ""
        if not self._buckets.limited:
            return True
        return self._buckets.take(key or self._addresses.network(request), self._engine.clock.now())

    def _sender(self, place: _Place, request: web.BaseRequest) -> Sender:
        headers = request.headers
        return Sender(
            place.path,
            headers.get(hdrs.USER_AGENT),
            self._addresses.country(request),
            place.most_events,
            headers.get(hdrs.ORIGIN),
            request.query if "?" in request.raw_path else _EMPTY,
            {name: headers[name] for name in place.form.headers if name in headers}
            if place.form.headers
            else _EMPTY,
            self._engine.clock.now(),
        )

    def _known_key(self, in_path: str, request: web.BaseRequest) -> str:
        """The key of the request, from wherever it is, if it is one of ours."""
        given = request.headers.get("X-API-Key") or request.query.get("key") or in_path
        # A header may hold any byte; aiohttp hands those that are no UTF-8 on as surrogates.
        offered = given.encode(errors="backslashreplace")
        if not any(hmac.compare_digest(offered, key) for key in self._keys):
            raise RefusedError(Rejection.UNAUTHORISED)
        return given

    async def _body(self, request: web.BaseRequest, place: _Place) -> bytes:
        most_bytes = place.most_bytes
        encoding = _encoding(request.headers, place.form.media_types)
        if (request.content_length or 0) > most_bytes:
            raise RefusedError(Rejection.TOO_LARGE)
        content = request.content
        try:
            if content.is_eof() and content.exception() is None:
                # The body came with the head, as that of nearly every beacon does.
                body = content.read_nowait()
            else:
                _go_on(request)
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

    def _accepted(
        self, form: Format, parsed: Parsed, duplicate: int, request: web.BaseRequest
    ) -> web.Response:
        if parsed.reply is not None:
            return _usual(form, parsed.reply)
        taken = parsed.events or not parsed.rejected or form.answers.always
        if form.answers.body is not None and taken:
            return _usual(form)
        accepted, rejected = len(parsed.events) - duplicate, parsed.rejected
        if accepted == 1 and not duplicate and not rejected:
            if Prepared.fits(request):
                return self._one_accepted
            return encoded(_ONE_ACCEPTED, HTTPStatus.ACCEPTED)
        body: dict[str, Any] = {
            "success": bool(parsed.events) or not rejected,
            "accepted": accepted,
            "duplicate": duplicate,
            "rejected": [{"index": each.place, "reason": each.reason} for each in rejected],
        }
        if body["success"]:
            return answer(body, HTTPStatus.ACCEPTED)
        return answer({**body, "error": rejected[0].reason}, HTTPStatus.BAD_REQUEST)

    def _allow_origin(self, request: web.BaseRequest, headers: CIMultiDict[str]) -> None:
        """Echo an allowed origin: beacons come with credentials, which forbids the wildcard."""
        headers[hdrs.VARY] = hdrs.ORIGIN
        origin = request.headers[hdrs.ORIGIN]
        if origin not in self._origins and "*" not in self._origins:
            return
        headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
        headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
        headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = hdrs.RETRY_AFTER
        if request.method == hdrs.METH_OPTIONS:
            headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = ALLOWED_METHODS
            headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = ALLOWED_HEADERS
            headers[hdrs.ACCESS_CONTROL_MAX_AGE] = PREFLIGHT_SECONDS


def _usual(form: Format, reply: bytes | None = None) -> web.Response:
    """What the clients of a format are told: ``reply``, or what they are always told."""
    body = form.answers.body if reply is None else reply
    return encoded(body, form.answers.status) if body else nothing(form.answers.status)


def _refused(form: Format, reason: Rejection) -> web.Response:
    if form.answers.always:
        return _usual(form)
    if reason is Rejection.NO_CONSENT:
        # Nobody did anything wrong.
        return nothing()
    return problem(STATUS[reason], reason.value)


def _later(form: Format, status: HTTPStatus, reason: str) -> web.Response:
    if form.answers.patient:
        return problem(status, reason, retry=True)
    return _usual(form)


def _place(path: str, form: Format, settings: ReceiverSettings) -> _Place:
    if form.batch:
        return _Place(path, form, settings.batch_bytes, settings.batch_events)
    return _Place(path, form, settings.beacon_bytes, settings.beacon_events)


@lru_cache(64)
def _code(status: int) -> Code:
    return Code(str(status))


def _encoding(headers: CIMultiDictProxy[str], media_types: frozenset[str]) -> str:
    """``identity`` or ``gzip``, of a body of one of the types; everything else is refused."""
    if _media_type(headers.get(hdrs.CONTENT_TYPE, "")) not in media_types:
        raise RefusedError(Rejection.UNSUPPORTED_TYPE)
    encoding = ",".join(headers.getall(hdrs.CONTENT_ENCODING, ("identity",))).strip().lower()
    # "Transfer-Encoding: gzip, chunked" and the like are how requests are smuggled past proxies.
    transfer = headers.get(hdrs.TRANSFER_ENCODING, "chunked").strip().lower()
    if encoding not in {"identity", "gzip"} or transfer != "chunked":
        raise RefusedError(Rejection.UNSUPPORTED_ENCODING)
    return encoding


@lru_cache(256)
def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _go_on(request: web.BaseRequest) -> None:
    """Some clients, curl among them, hold a body back until they are told to send it."""
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and request.transport:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


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
