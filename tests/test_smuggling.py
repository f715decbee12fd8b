"""Requests that two readers could read in two ways: one answer each, and nothing slips through.

Each case is raw bytes with another beacon inside, where a reader that is fooled would find it. It
is sent to the exporter itself, and through nginx and HAProxy, which read requests their own way.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.apps import SECONDS, Running, Start
from tests.beacons import UPLOAD_PERFORMANCE
from tests.durability.processes import Server
from tests.programs import binary, free_port

PATIENCE = 1.0
POST = f"POST {UPLOAD_PERFORMANCE} HTTP/1.1\r\nHost: here\r\n".encode()
SMUGGLED = b'POST /v1/events HTTP/1.1\r\nHost: here\r\nContent-Length: 13\r\n\r\n{"events":[]}'
"""What only a reader that is fooled takes for a request."""
GOOD = POST + b"Content-Length: 2\r\n\r\n{}"
CHUNKED = b"2\r\n{}\r\n0\r\n\r\n"


class Case(NamedTuple):
    """Bytes, and the statuses of the answers that the exporter gives before it hangs up."""

    request: bytes
    statuses: tuple[int, ...]


def lines(*given: bytes, body: bytes = CHUNKED + SMUGGLED) -> bytes:
    return POST + b"".join(line + b"\r\n" for line in given) + b"\r\n" + body


def chunks(body: bytes) -> bytes:
    return lines(b"Transfer-Encoding: chunked", body=body + SMUGGLED)


WRONG = (400,)
LENGTH, IN_CHUNKS = b"Content-Length: 2", b"Transfer-Encoding: chunked"
CASES = {
    "both lengths": Case(lines(LENGTH, IN_CHUNKS), WRONG),
    "both lengths, the other way round": Case(lines(IN_CHUNKS, LENGTH), WRONG),
    "two lengths": Case(lines(LENGTH, b"Content-Length: 3"), WRONG),
    "the same length twice": Case(lines(LENGTH, LENGTH), WRONG),
    "lengths in a list": Case(lines(b"Content-Length: 2, 2"), WRONG),
    "a length with a sign": Case(lines(b"Content-Length: +2"), WRONG),
    "a negative length": Case(lines(b"Content-Length: -2"), WRONG),
    "a length that is hexadecimal": Case(lines(b"Content-Length: 0x2"), WRONG),
    "a length with an underscore": Case(lines(b"Content-Length: 1_0"), WRONG),
    "a length in other digits": Case(lines("Content-Length: ２".encode()), WRONG),
    "a length that is empty": Case(lines(b"Content-Length:"), WRONG),
    "a length beyond all numbers": Case(lines(b"Content-Length: " + b"9" * 30), WRONG),
    "a space before the colon": Case(lines(b"Transfer-Encoding : chunked"), WRONG),
    "a tab before the colon": Case(lines(b"Transfer-Encoding\t: chunked"), WRONG),
    "an encoding with a control character": Case(lines(b"Transfer-Encoding: \x0bchunked"), WRONG),
    "an encoding that is folded": Case(lines(b"Transfer-Encoding:", b" chunked"), WRONG),
    "a line that is folded": Case(lines(b"X-A: b", b" c", LENGTH), WRONG),
    "chunked twice": Case(lines(IN_CHUNKS, IN_CHUNKS), WRONG),
    "chunked, chunked": Case(lines(b"Transfer-Encoding: chunked, chunked"), WRONG),
    "chunked, and then not": Case(lines(b"Transfer-Encoding: chunked, identity"), WRONG),
    "not chunked": Case(lines(b"Transfer-Encoding: identity"), WRONG),
    "nearly chunked": Case(lines(b"Transfer-Encoding: xchunked"), WRONG),
    "chunked with a parameter": Case(lines(b"Transfer-Encoding: chunked;q=1"), WRONG),
    "chunked in quotes": Case(lines(b'Transfer-Encoding: "chunked"'), WRONG),
    "packed and chunked": Case(lines(b"Transfer-Encoding: gzip, chunked", body=CHUNKED), (415,)),
    "lines that end in a line feed alone": Case(GOOD.replace(b"\r\n", b"\n") + SMUGGLED, WRONG),
    "one line that ends in a line feed alone": Case(
        lines(b"X-A: b\nTransfer-Encoding: chunked", LENGTH), WRONG
    ),
    "a carriage return alone": Case(lines(b"X-A: b\rTransfer-Encoding: chunked", LENGTH), WRONG),
    "NUL in a name": Case(lines(b"X-\0A: b", LENGTH), WRONG),
    "NUL in a value": Case(lines(b"X-A: b\0c", LENGTH), WRONG),
    "a space in a name": Case(lines(b"X A: b", LENGTH), WRONG),
    "no name": Case(lines(b": b", LENGTH), WRONG),
    "no colon": Case(lines(b"Transfer-Encoding", LENGTH), WRONG),
    "a bracket in a name": Case(lines(b"Content-Length]: 2"), WRONG),
    "no host": Case(b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n" + SMUGGLED, WRONG),
    "two hosts": Case(lines(b"Host: there", LENGTH), WRONG),
    "a size with a sign": Case(chunks(b"+2\r\n{}\r\n0\r\n\r\n"), WRONG),
    "a negative size": Case(chunks(b"-2\r\n{}\r\n0\r\n\r\n"), WRONG),
    "a size with its base": Case(chunks(b"0x2\r\n{}\r\n0\r\n\r\n"), WRONG),
    "a size with an underscore": Case(chunks(b"1_0\r\n{}\r\n0\r\n\r\n"), WRONG),
    "no size": Case(chunks(b"\r\n{}\r\n0\r\n\r\n"), WRONG),
    "a size beyond all numbers": Case(chunks(b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n"), WRONG),
    "a size that wraps around": Case(chunks(b"1" + b"0" * 15 + b"2\r\n{}\r\n0\r\n\r\n"), WRONG),
    "a chunk longer than its size": Case(chunks(b"1\r\n{}\r\n0\r\n\r\n"), WRONG),
    "a chunk without its end": Case(chunks(b"2\r\n{}0\r\n\r\n"), WRONG),
    "chunks that end in a line feed alone": Case(chunks(b"2\n{}\n0\n\n"), WRONG),
    "an extension with a line feed": Case(chunks(b"2;\nxx\r\n{}\r\n0\r\n\r\n"), WRONG),
    "an extension with a carriage return": Case(chunks(b"2;a\rb\r\n{}\r\n0\r\n\r\n"), WRONG),
    "a version that is none": Case(GOOD.replace(b"HTTP/1.1", b"HTTP/1.10") + SMUGGLED, WRONG),
    "no version": Case(GOOD.replace(b" HTTP/1.1", b"") + SMUGGLED, WRONG),
    "two versions": Case(GOOD.replace(b"1.1", b"1.1 HTTP/1.1") + SMUGGLED, WRONG),
    "a method with a NUL": Case(GOOD.replace(b"POST", b"PO\0ST") + SMUGGLED, WRONG),
    "a method of another case": Case(GOOD.replace(b"POST", b"post"), WRONG),
    "a line of 9 KB": Case(lines(b"X-A: " + b"a" * 9000, LENGTH), WRONG),
    "a thousand lines": Case(lines(*[b"X-A: b"] * 1000, LENGTH), WRONG),
    "HTTP/2 by prior knowledge": Case(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED, WRONG),
    "TLS": Case(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32 + SMUGGLED, WRONG),
    "the beginning of a proxy protocol": Case(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + GOOD, WRONG),
    "garbage after a beacon": Case(GOOD + b"garbage\r\n\r\n" + SMUGGLED, WRONG),
    "NULs after a beacon": Case(GOOD + b"\0" * 100 + SMUGGLED, WRONG),
    "a wrong beacon after a beacon": Case(GOOD + lines(LENGTH, IN_CHUNKS), WRONG),
    "a length in a trailer": Case(
        lines(IN_CHUNKS, body=b"2\r\n{}\r\n0\r\n" + LENGTH + b"\r\n\r\n"), WRONG
    ),
}
"""Those that are refused, with what came in the same packet before them."""

READ = {
    "chunked in capitals": Case(lines(b"Transfer-Encoding: CHUNKED", body=CHUNKED), (202,)),
    "an extension": Case(lines(IN_CHUNKS, body=b"2;a=b\r\n{}\r\n0\r\n\r\n"), (202,)),
    "a trailer": Case(lines(IN_CHUNKS, body=b"2\r\n{}\r\n0\r\nX-A: b\r\n\r\n"), (202,)),
    "empty lines before a request": Case(b"\r\n\r\n" + GOOD, (202,)),
    "a whole address": Case(GOOD.replace(b"POST ", b"POST http://here"), (202,)),
    "a fragment": Case(GOOD.replace(b" HTTP", b"#fragment HTTP"), (202,)),
    "beacons one behind the other": Case(GOOD * 3, (202, 202, 202)),
}
"""Those that can be read in one way alone."""
EVERY = {**CASES, **READ}


@pytest.fixture
async def app(start: Start) -> Running:
    return await start(receiver={"read_timeout_seconds": PATIENCE, "keepalive_seconds": PATIENCE})


async def said(port: int, request: bytes) -> bytes:
    """Everything that comes back until the other side hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    read = b""
    try:
        async with asyncio.timeout(SECONDS):
            writer.write(request)
            with suppress(ConnectionError):
                while more := await reader.read(65_536):
                    read += more
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return read


def statuses(answers: bytes) -> tuple[int, ...]:
    return tuple(
        int(part[2:5]) for part in answers.split(b"HTTP/1.")[1:] if part[:1] in {b"0", b"1"}
    )


async def accepted(app: Running) -> float:
    series = await app.scrape()
    return sum(v for name, v in series.items() if name.startswith("exporter_events_accepted_total"))


async def test_every_request_is_read_in_one_way_or_refused(app: Running) -> None:
    found, good = {}, []
    for number, (name, (request, _)) in enumerate(EVERY.items()):
        beside = asyncio.create_task(app.post(UPLOAD_PERFORMANCE, {"ttfb": number}))
        answers = await said(app.port, request)
        found[name] = statuses(answers)
        good.append((await beside).status)
        assert b"here" not in answers, f"{name}: something of it comes back"

    assert found == {name: case.statuses for name, case in EVERY.items()}
    assert set(good) == {202}, "who is connected besides notices nothing"
    # The same bytes are the same beacon: of all that were read in one way, one is accepted.
    assert await accepted(app) == len(good) + 1


# -- behind a proxy ------------------------------------------------------------------------------
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;
    fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    client_header_timeout 2s; client_body_timeout 2s; keepalive_timeout 2s;
    upstream exporter {{ server 127.0.0.1:{upstream}; keepalive 1; }}
    server {{
        listen 127.0.0.1:{port};
        location = /ready {{ return 200; }}
        location / {{
            proxy_pass http://exporter;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_request_buffering off;
        }}
    }}
}}
"""
HAPROXY = """
defaults
    mode http
    timeout connect 2s
    timeout client 2s
    timeout server 5s
    timeout http-request 2s
    timeout http-keep-alive 2s
    http-reuse always
frontend beacons
    bind 127.0.0.1:{port}
    http-request return status 200 if {{ path /ready }}
    default_backend exporter
backend exporter
    server one 127.0.0.1:{upstream}
"""


@asynccontextmanager
async def proxy(name: str, folder: Path, upstream: int) -> AsyncIterator[int]:
    """A proxy that sends everything on by one connection, as far as it can."""
    port = free_port()
    configuration = folder / f"{name}.conf"
    text = {"nginx": NGINX, "haproxy": HAPROXY}[name]
    configuration.write_text(text.format(folder=folder, port=port, upstream=upstream))
    options = {"nginx": ("-e", f"{folder}/error.log", "-c"), "haproxy": ("-db", "-f")}[name]
    command = (binary(name, name), *options, str(configuration))
    async with Server(command, folder / f"{name}.log", f"http://127.0.0.1:{port}/ready"):
        yield port


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
async def test_a_proxy_and_the_exporter_read_the_same_requests(
    start: Start, tmp_path: Path, name: str
) -> None:
    app = await start()
    async with proxy(name, tmp_path, app.port) as port:
        before = sum((await answered(app)).values())
        for case, (request, _) in EVERY.items():
            answers = statuses(await said(port, request))
            assert all(status < 500 or status in {501, 505} for status in answers), case
            after = await answered(app)
            seen, before = sum(after.values()) - before, sum(after.values())
            assert seen <= len(answers), f"{case}: one more than the proxy knows of"
            assert b" 202 " in await said(port, GOOD.replace(b"\r\n\r\n", LAST, 1)), case
            before += 1

    assert "500" not in after
    assert "other" not in after


LAST = b"\r\nConnection: close\r\n\r\n"


async def answered(app: Running) -> dict[str, float]:
    """How many answers the exporter has given, by status."""
    series = await app.scrape()
    prefix = "exporter_http_responses_total"
    return {n.split('"')[1]: v for n, v in series.items() if n.startswith(prefix)}
