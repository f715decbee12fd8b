"""Beacons in over HTTP: limits, keys, CORS, answers.

The order of the checks is: cheapest and surest first. Nothing that a client sent is ever part of
an answer.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import math
import time
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from aiohttp import hdrs, web
from multidict import CIMultiDictProxy, istr

from exporter import telemetry
from exporter.addresses import Addresses
from exporter.answers import (
    RETRY_SECONDS,
    Prepared,
    Reply,
    answer,
    encoded,
    nothing,
    problem,
    wire,
)
from exporter.engine import Engine, NotWrittenError
from exporter.event import trial_of
from exporter.formats.format import Format, Parsed, RefusedError, Rejected, Sender
from exporter.limits import Buckets, Limits
from exporter.privacy import REPLAYED, Privacy
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

_CREDENTIALS: Final = (
    (hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
    (hdrs.ACCESS_CONTROL_EXPOSE_HEADERS, hdrs.RETRY_AFTER),
)
_PREFLIGHT: Final = (
    (hdrs.ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS),
    (hdrs.ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
    (hdrs.ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
)

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
_EMPTY: Final[Mapping[str, str]] = {}
_CONSENT: Final = istr("X-Consent")
_GPC: Final = istr("Sec-GPC")
_DNT: Final = istr("DNT")
_REPLAYED: Final = istr(REPLAYED)


class Readers(NamedTuple):
    """Who reads the beacons of some people, by path, and what takes out of them who that is."""

    formats: Mapping[str, Format]
    cleaner: Privacy


class _Place(NamedTuple):
    """What is at a path."""

    path: str
    form: Format
    most_bytes: int
    most_events: int


class _Taken(NamedTuple):
    """A beacon on the short way: where its answer goes, and when it came."""

    place: _Place
    request: web.BaseRequest
    reply: Reply
    began: float


class _LimitedError(Exception):
    """The sender sends too much; it may come again after ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class Receiver:
    """The public port: one coroutine that answers every request.

    aiohttp's router and middlewares are left out: they cost a request as much as its decoding.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        named: Readers,
        nameless: Readers,
        replayed: Readers,
        schema: bytes,
        settings: ReceiverSettings,
        consent: Consent,
    ) -> None:
        formats = named.formats
        self._named, self._nameless, self._replayed = named, nameless, replayed
        self._consent = consent
        self._engine = engine
        self._places = {path: _place(path, form, settings) for path, form in formats.items()}
        self._schema = schema
        self._origins = frozenset(settings.origins)
        self._keys = tuple(key.get_secret_value().encode() for key in settings.keys)
        self._addresses = Addresses(settings.proxies, settings.country_header)
        process = engine.process
        self._responses = {
            code: process.cell(telemetry.RESPONSES, telemetry.ByCode(code)) for code in Code
        }
        self._seconds = process.cell(telemetry.REQUEST_SECONDS)
        self._limits = Limits(
            Buckets(settings.rate_per_second, settings.rate_burst), settings.allowances()
        )
        self._all_accepted = lru_cache(64)(
            lambda events: Prepared(_account(accepted=events, duplicate=0, rejected=()))
        )
        self._usual = {
            form.answers: Prepared(_answer(form.answers.status, form.answers.body))
            for form in formats.values()
            if form.answers.body is not None
        }
        # Who is told to wait may be many, and must cost the others little.
        self._patience = lru_cache(64)(
            lambda status, reason, seconds: Prepared(problem(status, reason, retry=seconds))
        )
        self._origin_lines = lru_cache(1024)(
            lambda origin: "".join(
                f"{name}: {value}\r\n" for name, value in self._to_origin(origin)
            ).encode()
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer, and count the answer; an error of the program echoes nothing either."""
        began = time.perf_counter()
        try:
            response = await self._find(request)
        except Exception:
            log.exception("a request could not be handled")
            response = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal")
        self._count(response.status, began)
        response.headers.extend(self._for_origin(request))
        return response

    def at_once(self, request: web.BaseRequest, body: bytes, reply: Reply) -> bool:
        """Take a POST that is there whole, and reply now or later; or do nothing and say False."""
        place, key = self._at(request.raw_path.partition("?")[0])
        if place is None or request.method != hdrs.METH_POST:
            return False
        taken = _Taken(place, request, reply, time.perf_counter())
        try:
            self._admit(place, key, request)
            encoding = _encoding(request.headers, place.form.media_types)
            form, parsed = self._parsed(place, request, _plain(body, encoding, place.most_bytes))
            if parsed.events:
                written = self._engine.write(parsed.events)
                written.add_done_callback(lambda done: self._written(taken, form, parsed, done))
                return True
            response = self._accepted(form, request, parsed, 0)
        except Exception as error:  # noqa: BLE001
            response = self._failure(place, request, error)
        self._reply(taken, response)
        return True

    def _written(
        self, taken: _Taken, form: Format, parsed: Parsed, written: asyncio.Future[int]
    ) -> None:
        try:
            response = self._accepted(form, taken.request, parsed, written.result())
        except Exception as error:  # noqa: BLE001
            response = self._failure(taken.place, taken.request, error)
        self._reply(taken, response)

    def _reply(self, taken: _Taken, response: web.Response | Prepared) -> None:
        _, request, reply, began = taken
        self._count(response.status, began)
        now = time.time()
        if isinstance(response, Prepared):
            origin = request.headers.get(hdrs.ORIGIN)
            reply(response.wire(now, self._origin_lines(origin) if origin is not None else b""))
        else:
            response.headers.extend(self._for_origin(request))
            reply(wire(response, now))

    def _count(self, status: int, began: float) -> None:
        self._responses[_code(status)][0] += 1.0
        seconds = time.perf_counter() - began
        self._seconds[bisect_left(_BOUNDS, seconds)] += 1.0
        self._seconds[-1] += seconds

    def _at(self, path: str) -> tuple[_Place | None, str]:
        """What is at a path, and the key in it; ``/k/<key>`` may stand before any path."""
        place = self._places.get(path)
        if place is not None or not path.startswith("/k/"):
            return place, ""
        key, _, rest = path.removeprefix("/k/").partition("/")
        return self._places.get(f"/{rest}"), key

    async def _find(self, request: web.BaseRequest) -> web.Response:
        place, key = self._at(request.path)
        if place is None:
            if request.path == "/v1/schema":
                return self._described(request)
            return problem(HTTPStatus.NOT_FOUND, "not_found")
        in_query = place.form.in_query
        if request.method == hdrs.METH_POST or (in_query and request.method == hdrs.METH_GET):
            return await self._beacon(place, key, request)
        allowed = f"GET, {ALLOWED_METHODS}" if in_query else ALLOWED_METHODS
        if request.method != hdrs.METH_OPTIONS:
            return _not(allowed)
        response = nothing()
        response.headers[hdrs.ALLOW] = allowed
        return response

    def _described(self, request: web.BaseRequest) -> web.Response:
        if request.method == hdrs.METH_GET:
            return encoded(self._schema, HTTPStatus.OK)
        return _not(hdrs.METH_GET)

    async def _beacon(self, place: _Place, key: str, request: web.BaseRequest) -> web.Response:
        """Like ``at_once``, for what did not come whole, or came in another way."""
        try:
            self._admit(place, key, request)
            body = await self._body(request, place) if request.method == hdrs.METH_POST else b""
            form, parsed = self._parsed(place, request, body)
            duplicate = await self._engine.write(parsed.events) if parsed.events else 0
            response = self._accepted(form, request, parsed, duplicate)
        except Exception as error:  # noqa: BLE001
            response = self._failure(place, request, error)
        return response.copy() if isinstance(response, Prepared) else response

    def _admit(self, place: _Place, key: str, request: web.BaseRequest) -> None:
        """NotWrittenError, _LimitedError or RefusedError, for who may not send now."""
        if not self._engine.writable:
            raise NotWrittenError
        # Who has a known key, where one is needed, must be within its rate and quota.
        try:
            key = self._known_key(key, request) if self._keys and not place.form.signed else ""
        except RefusedError:
            # Or a key could be guessed as fast as the line is.
            self._take("", request)
            raise
        if self._limits.limited:
            self._take(key, request)

    def _take(self, key: str, request: web.BaseRequest) -> None:
        """Count a beacon of a network and a key, if any; _LimitedError where it is one too many."""
        now = self._engine.clock.now()
        seconds = self._limits.take(lambda: self._addresses.network(request), key, now)
        if seconds:
            raise _LimitedError(seconds)

    def _parsed(
        self, place: _Place, request: web.BaseRequest, body: bytes
    ) -> tuple[Format, Parsed]:
        form = self._reader(place, request, body)
        try:
            parsed = form.parse(body, self._sender(place, request))
        except RefusedError as refusal:
            raise RefusedError(refusal.reason, body) from refusal
        if parsed.rejected:
            parts = parsed.rejected
            refused = [self._refusal(r.reason, place, request, r.body, part=True) for r in parts]
            self._engine.turn_away(refused)
        if "experiment=" in request.raw_path:
            query = request.query
            parsed = parsed.tried(trial_of(query.get("experiment"), query.get("variant")))
        return form, parsed

    def _reader(self, place: _Place, request: web.BaseRequest, body: bytes) -> Format:
        """The format at a path for who consented, for who did not, or for what comes again."""
        given = request.headers.get(_REPLAYED)
        if given is not None:
            proof = self._named.cleaner.proof(place.path, body).encode()
            if not hmac.compare_digest(given.encode(errors="backslashreplace"), proof):
                raise RefusedError(Rejection.UNAUTHORISED)
            return self._replayed.formats[place.path]
        if self._has_consent(request):
            return place.form
        form = self._nameless.formats[place.path]
        if self._consent.without == "nothing":
            reply = form.reply(body, self._sender(place, request))
            raise RefusedError(Rejection.NO_CONSENT, reply=reply)
        return form

    def _failure(
        self, place: _Place, request: web.BaseRequest, error: Exception
    ) -> web.Response | Prepared:
        """The answer to a beacon that was not taken; it is counted by what went wrong."""
        form = place.form
        if isinstance(error, RefusedError):
            self._engine.turn_away((self._refusal(error.reason, place, request, error.body),))
            return self._refused(form, request, error)
        if isinstance(error, _LimitedError):
            self._engine.turn_away(limited=1)
            return self._later(form, HTTPStatus.TOO_MANY_REQUESTS, "limited", error.seconds)
        if isinstance(error, NotWrittenError):
            return self._unavailable(form)
        if isinstance(error, TimeoutError | ConnectionError):
            # Too slow, or gone within its body: nothing has reached us.
            late = problem(HTTPStatus.REQUEST_TIMEOUT, "timeout")
            return self._unavailable(form) if _learns_nothing(form, request) else late
        log.error("a beacon could not be handled", exc_info=error)
        if form.answers.patient:
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal")
        # 500 would make it come again at once.
        return self._unavailable(form)

    def _refusal(
        self,
        reason: Rejection,
        place: _Place,
        request: web.BaseRequest,
        body: bytes,
        *,
        part: bool = False,
    ) -> Refusal:
        """Scrubbing costs more than refusing, so only what will be kept is scrubbed.

        Of who did not consent nothing is: ids that stay, and hashes, tell people apart.
        """
        if not body or place.form.private or not self._engine.wants_samples:
            return Refusal(reason, place.path)
        readers = self._replayed if _REPLAYED in request.headers else self._named
        if readers is self._named and not self._has_consent(request):
            return Refusal(reason, place.path)
        whole = len(body) <= SAMPLE
        sample = readers.cleaner.scrubbed(body[:SAMPLE].decode(errors="replace"), whole=whole)
        return Refusal(reason, place.path, sample, whole=whole, part=part)

    def _unavailable(self, form: Format) -> web.Response | Prepared:
        """Nothing of the beacon was written down, and its sender is told so if it may know."""
        self._engine.refuse()
        return self._later(form, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable")

    def _later(
        self, form: Format, status: HTTPStatus, reason: str, seconds: float = RETRY_SECONDS
    ) -> web.Response | Prepared:
        if form.answers.patient:
            return self._patience(status, reason, math.ceil(seconds))
        return self._usual[form.answers]

    def _refused(
        self, form: Format, request: web.BaseRequest, refusal: RefusedError
    ) -> web.Response | Prepared:
        if refusal.reply is not None:
            return _answer(form.answers.status, refusal.reply)
        if refusal.reason is Rejection.NO_CONSENT:
            # Nobody did anything wrong.
            return self._usual[form.answers] if form.answers.body else nothing()
        if _learns_nothing(form, request) and refusal.reason is not Rejection.UNWANTED:
            return self._usual[form.answers]
        return problem(STATUS[refusal.reason], refusal.reason.value)

    def _has_consent(self, request: web.BaseRequest) -> bool:
        """What is said about this beacon, else what the browser says of all, else the settings."""
        headers, consent = request.headers, self._consent
        said = headers.get(_CONSENT)
        if said is None and "consent=" in request.raw_path:
            said = request.query.get("consent")
        if said is not None:
            return said == "granted"
        if consent.signals and (headers.get(_GPC) == "1" or headers.get(_DNT) == "1"):
            return False
        return not consent.required

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
                protocol: Any = request.protocol
                body = await protocol.whole(request)
        except web.HTTPRequestEntityTooLarge:
            raise RefusedError(Rejection.TOO_LARGE) from None
        except web.RequestPayloadError:
            raise RefusedError(Rejection.MALFORMED) from None
        return _plain(body, encoding, most_bytes)

    def _accepted(
        self, form: Format, request: web.BaseRequest, parsed: Parsed, duplicate: int
    ) -> web.Response | Prepared:
        answers = form.answers
        if parsed.reply is not None:
            return _answer(answers.status, parsed.reply)
        taken = parsed.events or not parsed.rejected
        if answers.body is not None and (taken or _learns_nothing(form, request)):
            return self._usual[answers]
        accepted, rejected = len(parsed.events) - duplicate, parsed.rejected
        if not duplicate and not rejected:
            return self._all_accepted(accepted)
        return _account(accepted=accepted, duplicate=duplicate, rejected=rejected)

    def _for_origin(self, request: web.BaseRequest) -> Iterable[tuple[str, str]]:
        """Headers for the page that sent the request, if a page did."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None:
            return ()
        headers = self._to_origin(origin)
        if len(headers) > 1 and request.method == hdrs.METH_OPTIONS:
            return (*headers, *_PREFLIGHT)
        return headers

    def _to_origin(self, origin: str) -> tuple[tuple[str, str], ...]:
        """Echo an allowed origin: beacons come with credentials, which forbids the wildcard."""
        vary = (hdrs.VARY, hdrs.ORIGIN)
        if origin in self._origins or ("*" in self._origins and origin.isascii()):
            return (vary, (hdrs.ACCESS_CONTROL_ALLOW_ORIGIN, origin), *_CREDENTIALS)
        return (vary,)


def _learns_nothing(form: Format, request: web.BaseRequest) -> bool:
    """Whether even a bad beacon gets the usual answer."""
    answers = form.answers
    return answers.always or (not answers.patient and hdrs.ORIGIN in request.headers)


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
    if hdrs.CONTENT_ENCODING not in headers and hdrs.TRANSFER_ENCODING not in headers:
        return "identity"
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


def _plain(body: bytes, encoding: str, most: int) -> bytes:
    if encoding == "gzip":
        body = inflate(body, most)
    if len(body) > most:
        raise RefusedError(Rejection.TOO_LARGE)
    return body


def _answer(status: HTTPStatus, body: bytes) -> web.Response:
    return encoded(body, status) if body else nothing(status)


def _account(*, accepted: int, duplicate: int, rejected: Sequence[Rejected]) -> web.Response:
    """What became of the events of a beacon."""
    taken = bool(accepted or duplicate or not rejected)
    body: dict[str, Any] = {
        "success": taken,
        "accepted": accepted,
        "duplicate": duplicate,
        "rejected": [{"index": each.place, "reason": each.reason} for each in rejected],
    }
    if taken:
        return answer(body, HTTPStatus.ACCEPTED)
    return answer({**body, "error": rejected[0].reason}, HTTPStatus.BAD_REQUEST)


def _not(allowed: str) -> web.Response:
    response = problem(HTTPStatus.METHOD_NOT_ALLOWED, "method")
    response.headers[hdrs.ALLOW] = allowed
    return response


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
