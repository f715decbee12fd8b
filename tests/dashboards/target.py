"""A fake exporter: the real exposition of every family and label set, with moving values."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from exporter.catalogue import Catalogue
from exporter.events import DOMAINS
from exporter.metric import Gauge, Histogram, Level
from exporter.sinks.prometheus import CONTENT_TYPE, Exposition
from exporter.store import Store

CATALOGUE = Catalogue(DOMAINS)
HEAD_START = 600  # seconds of counting before the first scrape


class Page:
    """``/metrics`` of an exporter under steady load."""

    def __init__(self) -> None:
        self._started = time.monotonic() - HEAD_START
        self._one_at_a_time = Lock()
        self._store = Store(CATALOGUE.metrics, CATALOGUE.members)
        gauges = [metric for metric in CATALOGUE.metrics if isinstance(metric, Gauge)]
        self._exposition = Exposition(
            [self._store],
            {gauge: partial(self._gauge, gauge) for gauge in gauges},
            lambda: self._started,
        )

    def render(self) -> bytes:
        """The page as it is now."""
        for metric in self._store.metrics:
            for place, cell in enumerate(self._store.cells(metric).values()):
                count = self._count(place)
                if isinstance(metric, Histogram):
                    cell[:-1] = [count] * (len(metric.buckets) + 1)
                    cell[-1] = count * sum(metric.buckets)
                elif isinstance(metric, Level):
                    cell[:] = count % 1, self._started
                else:
                    cell[0] = count
        # A scrape that takes long overlaps the next, and each has an event loop of its own.
        with self._one_at_a_time:
            return asyncio.run(self._exposition.render())

    def _count(self, place: int) -> float:
        """Each label set has a speed of its own, so that no two series are alike."""
        return (2 + place % 5) * (time.monotonic() - self._started)

    def _gauge(self, gauge: Gauge[tuple[str, ...]]) -> Iterator[tuple[tuple[str, ...], float]]:
        for place, labels in enumerate(gauge.label_sets(CATALOGUE.members)):
            yield labels, 1 + self._count(place) % 7


@contextmanager
def serving() -> Iterator[str]:
    """Serve the page on a free port, which is given as host:port."""
    page = Page()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page.render()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            # At the end of the tests Prometheus leaves in the middle of a scrape.
            with suppress(ConnectionResetError, BrokenPipeError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads the access log of a test."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
