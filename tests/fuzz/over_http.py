"""``python -m tests.fuzz.over_http``: hostile beacons to an exporter that Prometheus scrapes.

Bodies of every format with nasty values, pieces, wrong encodings and headers. What must hold: no
answer of 500 or above, every scrape succeeds, no more series than there may be, the law of
conservation, and a start after a kill that can read all of it.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from tests.durability.processes import Exporter, Prometheus, conserved
from tests.fuzz import seeds
from tests.fuzz.nasty import Mutator
from tests.fuzz.signing import signed
from tests.pipelines import CATALOGUE

CONNECTIONS: Final = 16
QUERY: Final = {"trackers": "type", "cmcd": "CMCD"}
AGENTS: Final = ("Mozilla/5.0 (Windows NT 10.0) Chrome/126.0", "\x80\xff", "x" * 4000, "")
TYPES: Final = ("application/json", "text/plain", "text/plain; charset=utf-7", "text/html", "\xff")
UNANSWERED: Final = 0
"""Instead of a status, where a connection ended before there was one."""

ENCODINGS: Final = ("gzip", "br", "gzip, gzip", "identity", "\xff")


class Held(NamedTuple):
    """What became of all of it."""

    statuses: Counter[int]
    up: float
    scrapes: int
    slowest_scrape: float
    series: tuple[int, ...]
    """How many there were after each tenth."""

    @property
    def faults(self) -> list[str]:
        """What broke a promise."""
        broken = [f"answers {status}" for status in self.statuses if status >= 500]
        broken += ["no answer"] if self.statuses[UNANSWERED] else []
        broken += ["a scrape failed"] if self.up < 1 else []
        most = CATALOGUE.most_series()
        return broken + [f"{count} series" for count in self.series if count > most]


class Hostile:
    """Makes requests; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._pick = random.Random(seed)  # noqa: S311 - to be repeatable
        self._begun = {name: seeds.of(name) for name in seeds.names() if name != "webhooks"}
        self._names = tuple(self._begun)
        self._mutators = {n: Mutator(self._pick, seeds.words(n)) for n in self._names}

    def request(self) -> bytes:
        """The bytes of one request."""
        pick = self._pick
        name = pick.choice(self._names)
        seed = pick.choice(self._begun[name])
        body = self._mutators[name].body(seed.body) if pick.random() < 0.9 else pick.randbytes(40)
        form, path = seeds.EVERY[seed.path], seed.path
        if seed.query and name in QUERY:
            path += f"?{QUERY[name]}={quote(seed.query.encode())}"
        fields = dict(zip(form.headers, seed.headers, strict=False))
        if pick.random() < 0.5:
            fields["User-Agent"] = pick.choice(AGENTS)
        if pick.random() < 0.1:
            fields["Content-Type"] = pick.choice(TYPES)
        if pick.random() < 0.1:
            fields["Content-Encoding"] = pick.choice(ENCODINGS)
            if pick.random() < 0.7:
                body = gzip.compress(body, 1)[: pick.choice((None, None, 20))]
        if form.signed:
            fields |= signed(seed.path, body, {}, time.time())
        head = [f"POST {path} HTTP/1.1", "Host: here", f"Content-Length: {len(body)}"]
        head += [f"{key}: {value}" for key, value in fields.items() if "\n" not in value]
        return "\r\n".join([*head, "", ""]).encode("latin-1", errors="replace") + body


async def _converse(port: int, hostile: Hostile, left: list[int], statuses: Counter[int]) -> None:
    while left[0] > 0:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        try:
            while left[0] > 0:
                left[0] -= 1
                writer.write(hostile.request())
                head = await reader.readuntil(b"\r\n\r\n")
                statuses[int(head[9:12])] += 1
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
                await reader.readexactly(int(length or 0))
                if b"connection: close" in head.lower():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            statuses[UNANSWERED] += 1
        finally:
            writer.close()


async def _series(exporter: Exporter) -> int:
    page = await exporter.samples()
    return sum(not name.startswith(("python_", "process_")) for name, *_ in page)


async def run(count: int, seed: int, folder: Path) -> Held:
    """Send so many, with a kill and a start at the end."""
    statuses: Counter[int] = Counter()
    hostile, series = Hostile(seed), []
    async with (
        Exporter(folder / "exporter", {"LOG_LEVEL": "ERROR"}) as exporter,
        Prometheus(folder / "prometheus", exporter.target) as prometheus,
    ):
        port = int(exporter.url.rpartition(":")[2])
        began = time.time()
        for _ in range(10):
            left = [count // 10]
            talks = (_converse(port, hostile, left, statuses) for _ in range(CONNECTIONS))
            await asyncio.gather(*talks)
            series.append(await _series(exporter))
        # What Prometheus saw while it was besieged, and not while it or the exporter began.
        window = f"[{max(2, int(time.time() - began))}s]"
        (up,) = await prometheus.ask(f"min_over_time(up{window})")
        (scrapes,) = await prometheus.ask(f"count_over_time(up{window})")
        (slowest,) = await prometheus.ask(f"max_over_time(scrape_duration_seconds{window})")
        await exporter.kill()
        await exporter.start()
        conserved(await exporter.samples())
    values = [float(each["value"][1]) for each in (up, scrapes, slowest)]
    return Held(statuses, values[0], int(values[1]), values[2], tuple(series))


def main() -> int:
    """Print what became of it; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.over_http", description=__doc__)
    parser.add_argument("--beacons", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        held = asyncio.run(run(said.beacons, said.seed, Path(folder)))
    sys.stdout.write(
        f"{said.beacons} beacons in {time.monotonic() - began:.0f} s; answers "
        f"{dict(sorted(held.statuses.items()))}; {held.scrapes} scrapes, up at least {held.up:g}, "
        f"the slowest {held.slowest_scrape * 1000:.0f} ms; series after each tenth {held.series}\n"
        f"broken: {held.faults or 'nothing'}\n"
    )
    return int(bool(held.faults))


if __name__ == "__main__":
    sys.exit(main())
