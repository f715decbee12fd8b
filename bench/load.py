"""An open-loop load: beacons leave when they are due, whether or not answers came.

Latency is counted from the time at which a beacon was due, so a server that stalls cannot hide
it by making the generator wait (coordinated omission).
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
KEY = "bench"
HEAD = (
    "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    "Content-Type: {kind}\r\nAccept: */*\r\n"
    "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.9\r\n"
    f"User-Agent: {AGENT}\r\nReferer: https://video.example.com/upload\r\n"
    f"X-API-Key: {KEY}\r\n"
    "Sec-Fetch-Mode: no-cors\r\nContent-Length: {size}\r\n\r\n"
)
BODY = (
    '{{"totalTime":{time},"ttfb":210,"fileSize":24000000,"throughput":1900000,'
    '"chunkMetrics":{{"totalChunks":8,"successfulFirstAttemptChunks":7}},'
    '"networkInfo":{{"effectiveType":"4g","downlink":8.4,"rtt":50,"saveData":false}},'
    '"success":true,"timestamp":{number}}}'
)
STEP = 0.001


def experience(upload_id: str, duration: int, milliseconds: int) -> dict[str, Any]:
    """What a page says of an upload and its person: it went well."""
    return {
        "uploadId": upload_id,
        "duration": duration,
        "interactions": [
            {"type": "start", "time": 12.5, "data": {}},
            *(
                {"type": "progress", "time": n * 900, "data": {"progress": n * 5}}
                for n in range(20)
            ),
            {"type": "complete", "time": 40_100, "data": {"success": True}},
        ],
        "isAbandonment": False,
        "timestamp": milliseconds,
    }


_STATUS = re.compile(rb"HTTP/1\.1 (\d)")
_LONGEST_PART = len("HTTP/1.1 ")
_numbers = itertools.count(time.time_ns())


def request(path: str, body: bytes, kind: str = "text/plain;charset=UTF-8") -> bytes:
    """A beacon as a browser sends it."""
    return HEAD.format(path=path, kind=kind, size=len(body)).encode() + body


def performance() -> bytes:
    """The next report of an upload; each one is different."""
    number = next(_numbers)
    body = BODY.format(time=4000 + number % 9000, number=number).encode()
    return request("/api/analytics/upload-performance", body)


class Outcome(NamedTuple):
    """What became of a load; latencies are sorted, in seconds."""

    sent: int
    accepted: int
    late_seconds: float
    latencies: list[float]

    def at(self, share: float) -> float:
        """A quantile of the latency."""
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


class _Client(asyncio.Protocol):
    """One connection; answers come in the order of the requests."""

    def __init__(self, latencies: list[float]) -> None:
        self._latencies = latencies
        self._due: deque[float] = deque()
        self._rest = b""
        self.refused = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def send(self, due: float, beacon: bytes) -> None:
        self._due.append(due)
        if self.transport is None:
            raise ConnectionError("not connected")
        self.transport.write(beacon)

    @property
    def waiting(self) -> int:
        return len(self._due)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        text, end = self._rest + data, 0
        for status in _STATUS.finditer(text):
            self._latencies.append(now - self._due.popleft())
            self.refused += status[1] != b"2"
            end = status.end()
        # What may be the beginning of the next answer.
        self._rest = text[max(end, len(text) - _LONGEST_PART) :]


async def drive(
    ports: Sequence[int],
    *,
    rate: float,
    seconds: float,
    connections: int,
    beacon: Callable[[], bytes] = performance,
) -> Outcome:
    """Send ``rate`` beacons a second to the ports in turn, and wait for the answers."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    clients = [
        (await loop.create_connection(lambda: _Client(latencies), "127.0.0.1", port))[1]
        for _ in range(connections // len(ports))
        for port in ports
    ]
    turns = itertools.cycle(clients)
    began = time.perf_counter()
    sent, worst = 0, 0.0
    while (now := time.perf_counter()) - began < seconds:
        while sent < (now - began) * rate:
            due = began + sent / rate
            worst = max(worst, now - due)
            next(turns).send(due, beacon())
            sent += 1
        await asyncio.sleep(STEP)
    for _ in range(6000):
        if not any(client.waiting for client in clients):
            break
        await asyncio.sleep(0.01)
    for client in clients:
        if client.transport is not None:
            client.transport.close()
    refused = sum(client.refused for client in clients)
    return Outcome(sent, len(latencies) - refused, worst, sorted(latencies))
