"""How long good clients wait beside 2,000 slow ones, over how long they wait without them.

``python -m bench.slow PORT COUNT`` is the slow ones: each connects, keeps the exporter waiting in
one of six ways until it is cut off, and comes back.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import uvloop

from bench import latency, load, servers

HEAD = b"POST /api/analytics/upload-performance HTTP/1.1\r\nHost: here\r\n"
DRIP_SECONDS = 1.0
PATIENCE_SECONDS = 10.0
"""How long a client may keep the exporter waiting, as shipped."""


class Way(NamedTuple):
    """What a client says at once, and what it says every second after that."""

    name: str
    first: bytes
    drop: bytes = b""


WAYS = (
    Way("says nothing", b""),
    Way("stops in its head", HEAD),
    Way("drips its head", HEAD + b"X-Slow: ", b"x"),
    Way("stops in its body", HEAD + b"Content-Length: 900\r\n\r\n{"),
    Way("drips its body", HEAD + b"Content-Length: 900\r\n\r\n{", b" "),
    Way("drips chunks", HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
)


class _Slow(asyncio.Protocol):
    """A client that drips until it is cut off; then its future is how long it was borne with."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._loop = asyncio.get_running_loop()
        self.borne = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._began = time.monotonic()
        self._transport.write(self._way.first)
        if self._way.drop:
            self._drip()

    def _drip(self) -> None:
        if not self.borne.done():
            self._transport.write(self._way.drop)
            self._loop.call_later(DRIP_SECONDS, self._drip)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.borne.done():
            self.borne.set_result(time.monotonic() - self._began)


async def _come_again(port: int, way: Way, longest: dict[str, float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            _, client = await loop.create_connection(lambda: _Slow(way), "127.0.0.1", port)
        except OSError:
            await asyncio.sleep(DRIP_SECONDS)
            continue
        longest[way.name] = max(longest.get(way.name, 0.0), await client.borne)


async def _besiege(port: int, count: int) -> None:
    longest: dict[str, float] = {}
    tasks = []
    for way in itertools.islice(itertools.cycle(WAYS), count):
        tasks.append(asyncio.create_task(_come_again(port, way, longest)))
        # They do not all come, and go, in the same second.
        await asyncio.sleep(PATIENCE_SECONDS / count)
    print("all are there", flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    for name, seconds in longest.items():
        print(f"{name}: borne with for {seconds:.1f} s at most", flush=True)
    for task in tasks:
        task.cancel()


@contextmanager
def _besieged(server: servers.Server, count: int, told: list[str]) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.slow", str(server.port), str(count)]
    with subprocess.Popen(  # noqa: S603 - this module
        command, stdout=subprocess.PIPE, text=True
    ) as child:
        if child.stdout is None or child.stdout.readline() != "all are there\n":
            raise SystemExit("the slow clients could not connect")
        yield
        child.terminate()
        told[:] = child.stdout.read().splitlines()


def run(count: int, rate: float, seconds: float, rounds: int) -> None:
    """Print p99 of good clients with and without the slow ones, in turns, and the ratio."""
    ratios, told = list[float](), list[str]()

    def good(server: servers.Server) -> load.Outcome:
        driven = load.drive([server.port], rate=rate, seconds=seconds, connections=64)
        return uvloop.run(driven)

    with servers.exporter("0") as server:
        uvloop.run(load.drive([server.port], rate=rate, seconds=2, connections=64))
        print("round  open  p50 alone ms  p50 beside ms  p99 alone ms  p99 beside ms  ratio")
        for number in range(rounds):
            alone = good(server)
            with _besieged(server, count, told):
                beside = good(server)
                held = latency.value(latency.metrics(server.operations), "exporter_connections")
            ratios.append(beside.at(0.99) / alone.at(0.99))
            print(
                f"{number:5}  {held:4.0f}  {alone.at(0.5) * 1e3:12.1f}"
                f"  {beside.at(0.5) * 1e3:13.1f}  {alone.at(0.99) * 1e3:12.1f}"
                f"  {beside.at(0.99) * 1e3:13.1f}  {ratios[-1]:5.2f}"
                f"  lost {alone.sent + beside.sent - alone.accepted - beside.accepted}",
                flush=True,
            )
    print("\n".join(told))
    print(
        f"p99 beside {count} slow clients / alone, at {rate:.0f} beacons/s: median "
        f"{statistics.median(ratios):.2f} (lowest {min(ratios):.2f}, highest {max(ratios):.2f})"
    )


if __name__ == "__main__":
    uvloop.run(_besiege(int(sys.argv[1]), int(sys.argv[2])))
