"""The only place where the parts meet.

Start, top-down: lock the directory, open journal and state, count what the journal holds behind
the checkpoint, then listen. Stop, bottom-up: stop listening, answer what runs, write and count
what is queued, save, let go.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import signal
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web

from exporter import __version__, audit, checkpoint, key, probes, telemetry
from exporter.catalogue import Catalogue
from exporter.clock import Clock
from exporter.connections import AtOnce, Site
from exporter.crowd import Crowd, room_for
from exporter.dedup import Dedup
from exporter.delivery import Delivery
from exporter.engine import Engine
from exporter.event import Choices, Patience
from exporter.events import DOMAINS
from exporter.events.platform.classes import CheckSource
from exporter.events.platform.services import Checked
from exporter.formats import formats
from exporter.formats.native import Native
from exporter.health import Health
from exporter.jobs import Hour, Job, Jobs
from exporter.journal import Journal
from exporter.metric import Gauge
from exporter.pipeline import Pipeline
from exporter.privacy import Privacy
from exporter.receiver import Readers, Receiver
from exporter.record import Codec
from exporter.reports.reporting import Reporting
from exporter.sessions import Sessions
from exporter.settings import Operations, Settings, effective
from exporter.settings import Sessions as SessionSettings
from exporter.sinks.influx import InfluxSink, line
from exporter.sinks.prometheus import Exposition, Values
from exporter.store import Store
from exporter.telemetry import BySink, Cut, JobName, SinkName

log = logging.getLogger(__name__)

LEAST_AIOHTTP = (3, 14, 4)
"""Older ones have holes that this port would have too (docs/adr/0008)."""

DRAIN_SECONDS = 3.0
"""How long a stop waits for clients that are in the middle of something."""

TURN_SECONDS = 0.0005
"""How long a checkpoint may hold the interpreter before an answer gets its turn. With Python's own
5 ms, p99 at 6,700 beacons/s is three times as long (docs/benchmarks.md)."""

KEY_SECONDS = 60.0
"""Time after which a key that was replaced is used."""

MOST_OPERATORS = 100
OPERATOR_SECONDS = 10.0
"""Connections of the operations port, and how long one has for its request."""

MOST_ASKED = 65_536
"""Bytes of a request there: fifty people to forget, by all the names that they have."""

STOP_SECONDS = 1.0
"""How long it waits for timers that are, such as a delivery to a sink that hangs."""


class TooOldError(Exception):
    """A dependency is older than is safe."""


class UnknownLifecycleError(ValueError):
    """A setting names a lifecycle that no domain has."""


class TakenPortError(OSError):
    """A port is in use already; the message says which setting names it."""


class Application:
    """One instance of the exporter, from its settings."""

    def __init__(self, settings: Settings) -> None:
        _check_aiohttp()
        self._settings = settings
        catalogue = Catalogue(DOMAINS, settings.lists)
        catalogue.check(settings.series_budget)
        directory = settings.journal.directory
        self._lock = checkpoint.lock(directory)
        codec = Codec([e for domain in DOMAINS for e in (*domain.events, *domain.reports)])
        self.state = checkpoint.StateFile(
            directory / "state.db", most_outbox_bytes=settings.journal.outbox_bytes
        )
        process = Store(telemetry.PROCESS, catalogue.members)
        self.engine = Engine(
            journal=Journal(directory / "journal.db", codec),
            state=self.state,
            pipeline=_pipeline(settings, catalogue),
            process=process,
            clock=Clock(),
            line=partial(line, instance=settings.influx.instance),
        )
        patience, most = settings.receiver.read_timeout_seconds, settings.receiver.most_connections
        self._crowd = Crowd(room_for(most), patience, self._cut)
        self._targets = probes.targets(settings.probes, settings.labels.services)
        self._jobs = Jobs(self._timetable(), process=process, clock=self.engine.clock)
        self._disk_free = 0
        self._catalogue = catalogue

    def _cut(self, why: Cut) -> None:
        self.engine.process.count(telemetry.CUT, telemetry.ByCut(why))

    def _timetable(self) -> tuple[Job, ...]:
        return (
            Job(JobName.TICK, 1.0, self._tick),
            Job(JobName.CHECKPOINT, self._settings.journal.checkpoint_seconds, self._checkpoint),
            Job(JobName.DELIVER, self._settings.influx.every_seconds, self._deliver),
            Job(JobName.DISK, 1.0, self._watch_disk),
            Job(JobName.KEY, KEY_SECONDS, self._look_at_key),
            *self._probes(),
            *self._reports(),
        )

    def _probes(self) -> Iterable[Job]:
        if self._targets:
            yield Job(JobName.PROBE, self._settings.probes.every_seconds, self._probe_all)

    def _reports(self) -> Iterable[Job]:
        settings = self._settings.reports
        if settings.enabled:
            zone = ZoneInfo(settings.zone)
            reporting = Reporting(settings, self._settings.influx, self.engine.clock.now)
            daily, weekly = Hour(zone, settings.hour), Hour(zone, settings.hour, "mon")
            yield Job(JobName.DAILY_REPORT, daily, partial(reporting.publish, "daily"))
            yield Job(JobName.WEEKLY_REPORT, weekly, partial(reporting.publish, "weekly"))

    async def _tick(self) -> None:
        self.engine.tick()

    async def _checkpoint(self) -> None:
        began = time.perf_counter()
        await self.engine.checkpoint()
        seconds = time.perf_counter() - began
        self.engine.process.count(telemetry.CHECKPOINT_SECONDS, (), seconds)

    async def _deliver(self) -> None:
        await self._delivery.run()

    async def _probe_all(self) -> None:
        await asyncio.gather(*map(self._probe, self._targets))

    async def _probe(self, target: probes.Target) -> None:
        probed = await self._prober.probe(target)
        if self.engine.writable:
            checked = Checked(
                service=target.service,
                ok=probed.ok,
                duration_seconds=probed.seconds,
                source=CheckSource.PROBE,
            )
            await self.engine.write((checked.cleaned(self._cleaner),))

    async def _watch_disk(self) -> None:
        settings = self._settings.journal
        self._disk_free = self.engine.watch_disk(settings.directory, settings.floor_bytes)

    async def _look_at_key(self) -> None:
        """Replace the key when its time has come, and use the one that is there."""
        settings = self._settings.journal
        now = self.engine.clock.now()
        if key.is_due(settings.directory, settings.key_days, now):
            key.rotate(settings.directory)
            self._record("key.replaced", {"after_days": settings.key_days})
        own = key.load(settings.directory)
        for cleaner in (self._cleaner, self._nameless, self._replayed):
            cleaner.rekey(own)

    def _record(self, what: str, details: Mapping[str, Any]) -> None:
        directory = self._settings.journal.directory
        audit.write(directory, what, details, self.engine.clock.now())

    def _write_audit(self) -> None:
        """With which settings it runs from now on, as far as they are not those that we ship."""
        shipped = dict(effective(Settings.model_construct()))
        ours = {name: value for name, value in effective(self._settings) if shipped[name] != value}
        details = {"version": __version__, "settings": ours}
        try:
            self._record("exporter.started", details)
        except OSError:
            log.exception("the start could not be written into the audit log")

    async def start(self) -> None:
        """Recover, then listen; the ports are in ``public_port`` and ``operations_port``."""
        settings, engine = self._settings, self.engine
        engine.recover()
        self._write_audit()
        engine.start()
        self._delivery = Delivery(engine=engine, state=self.state, sink=_sink(settings))
        exposition = Exposition(
            (engine.pipeline.store, engine.process), self._gauges(), engine.clock.now
        )
        self._health = Health(
            engine=engine,
            exposition=exposition,
            delivery=self._delivery,
            token=settings.operations.secret(),
            record=self._record,
        )
        await self._watch_disk()
        operations = await _listen(
            self._health.handle,
            settings.operations.host,
            settings.operations.port,
            setting="EXPORTER_OPERATIONS__PORT",
            crowd=Crowd(MOST_OPERATORS, OPERATOR_SECONDS, self._cut),
            most_bytes=MOST_ASKED,
            tls=tls(settings.operations),
        )
        own = key.load(settings.journal.directory)
        words, clients = settings.samples.words, settings.clients()
        cleaner = Privacy(settings.lists, own, words=words)
        self._cleaner, self._prober = cleaner, probes.Prober(settings.probes)
        self._nameless = Privacy(settings.lists, own, nameless=True, words=words)
        self._replayed = Privacy(settings.lists, own, replayed=True, words=words)
        await self._look_at_key()
        # The first user agent loads the patterns of all, which takes a fifth of a second.
        cleaner.client("Mozilla/5.0")

        def readers(cleaner: Privacy) -> Readers:
            return Readers(formats(DOMAINS, cleaner, clients), cleaner)

        receiver = Receiver(
            engine=engine,
            named=readers(cleaner),
            nameless=readers(self._nameless),
            replayed=readers(self._replayed),
            schema=Native(DOMAINS, cleaner).schema(),
            settings=settings.receiver,
            consent=settings.consent,
        )
        public = await _listen(
            receiver.handle,
            settings.receiver.host,
            settings.receiver.port,
            setting="EXPORTER_RECEIVER__PORT",
            crowd=self._crowd,
            keepalive_timeout=settings.receiver.keepalive_seconds,
            most_bytes=settings.receiver.batch_bytes,
            at_once=receiver.at_once,
        )
        self._runners = (public[0], operations[0])
        self.public_port, self.operations_port = public[1], operations[1]
        self._jobs.start()
        sys.setswitchinterval(TURN_SECONDS)
        # What lives now lives for ever; a collection need not look at it again. Events and states
        # are untracked, and of all else less is alive between two checkpoints than would begin one.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)
        log.info(
            "taking beacons",
            extra={
                "version": __version__,
                "public": f"{settings.receiver.host}:{self.public_port}",
                "operations": f"{settings.operations.host}:{self.operations_port}",
                "replayed": engine.replayed,
            },
        )

    async def stop(self) -> None:
        """Lose nothing on the way out."""
        self._health.stopping = True
        for runner in self._runners:
            await runner.cleanup()
        await self._jobs.stop(STOP_SECONDS)
        await self._prober.close()
        await self.engine.close()
        await self._delivery.close()
        os.close(self._lock)
        log.info("stopped")

    async def serve(self) -> None:
        """Run until SIGTERM or SIGINT."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        await self.start()
        await stopped.wait()
        await self.stop()

    def _gauges(self) -> Mapping[Gauge[Any], Values]:
        engine, jobs = self.engine, self._jobs
        sink = BySink(SinkName.INFLUX)

        def sessions(*, going_on: bool) -> Values:
            return lambda: [
                ((name,), float(still if going_on else remembered))
                for name, still, remembered in engine.pipeline.sessions.counts()
            ]

        def lag() -> Iterable[tuple[tuple[str, ...], float]]:
            oldest = engine.backlog.oldest
            yield sink, 0.0 if oldest is None else max(0.0, engine.clock.now() - oldest)

        return {
            telemetry.JOURNAL_BYTES: _one(engine.journal.size),
            telemetry.JOURNAL_WRITABLE: _one(lambda: engine.writable),
            telemetry.DISK_FREE: _one(lambda: self._disk_free),
            telemetry.APPLY_LAG: _one(lambda: engine.lag),
            telemetry.REPLAYED: _one(lambda: engine.replayed),
            telemetry.OPEN_SESSIONS: sessions(going_on=True),
            telemetry.REMEMBERED_SESSIONS: sessions(going_on=False),
            telemetry.REMEMBERED_IDS: _one(lambda: len(engine.pipeline.dedup)),
            telemetry.OUTBOX_POINTS: lambda: [(sink, engine.backlog.points)],
            telemetry.OUTBOX_BYTES: lambda: [(sink, engine.backlog.bytes)],
            telemetry.SINK_LAG: lag,
            telemetry.SINK_CONFIGURED: lambda: [(sink, self._delivery.configured)],
            telemetry.CONNECTIONS: _one(lambda: len(self._crowd)),
            telemetry.DEAD_LETTERS: _one(lambda: engine.dead_letters),
            telemetry.JOB_SUCCESS: lambda: [
                ((name.value,), at) for name, at in jobs.last_successes()
            ],
            telemetry.BUILD: lambda: [((__version__,), 1.0)],
        }


def _one(read: Any) -> Values:
    return lambda: [((), read())]


def patience(waits: SessionSettings) -> dict[str, Patience]:
    """How long each lifecycle waits; UnknownLifecycleError where a setting is of none of them."""
    names = {each.name: each for domain in DOMAINS for each in domain.lifecycles}
    strangers = sorted(waits.silence_seconds.keys() - names.keys())
    if strangers:
        raise UnknownLifecycleError(
            f"EXPORTER_SESSIONS__SILENCE_SECONDS names no lifecycle: {', '.join(strangers)}; "
            f"there are {', '.join(sorted(names))}"
        )
    return {
        name: Patience(
            waits.silence_seconds.get(name, each.silence),
            waits.settle_seconds,
            waits.remember_seconds,
        )
        for name, each in names.items()
    }


def _pipeline(settings: Settings, catalogue: Catalogue) -> Pipeline:
    lifecycles = [lifecycle for domain in DOMAINS for lifecycle in domain.lifecycles]
    choices = Choices(settings.playback.completion_ratio, settings.generation.retry_seconds)
    return Pipeline(
        store=Store(catalogue.durable, catalogue.members),
        dedup=Dedup(settings.dedup.window_seconds),
        sessions=Sessions(lifecycles, patience(settings.sessions), choices),
        trials=settings.labels.experiments,
        most_tag_values=settings.labels.most_tag_values,
    )


def _sink(settings: Settings) -> InfluxSink | None:
    influx = settings.influx
    if not influx.url:
        return None
    return InfluxSink(
        url=influx.url,
        token=influx.secret(),
        org=influx.org,
        bucket=influx.bucket,
        timeout_seconds=influx.timeout_seconds,
    )


def tls(operations: Operations) -> ssl.SSLContext | None:
    """What the operations port speaks TLS with, if it does; OSError for files that are not it."""
    if operations.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(operations.certificate, operations.private_key)
    return context


async def _listen(
    handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    host: str,
    port: int,
    *,
    setting: str,
    crowd: Crowd,
    keepalive_timeout: float = 75.0,
    most_bytes: int,
    tls: ssl.SSLContext | None = None,
    at_once: AtOnce | None = None,
) -> tuple[web.ServerRunner, int]:
    loop = asyncio.get_running_loop()

    def request(
        message: Any, payload: Any, protocol: Any, writer: Any, task: Any
    ) -> web.BaseRequest:
        return web.BaseRequest(
            message, payload, protocol, writer, task, loop, client_max_size=most_bytes
        )

    server = web.Server(
        handle,
        request_factory=request,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=keepalive_timeout,
    )
    runner = web.ServerRunner(server, shutdown_timeout=DRAIN_SECONDS)
    await runner.setup()
    site = Site(runner, host, port, crowd=crowd, tls=tls, at_once=at_once)
    try:
        await site.start()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise TakenPortError(
            f"{host}:{port} is in use already: choose another port with {setting}, or see "
            f"who has it with `ss -ltnp 'sport = :{port}'` (as root, it names every process)"
        ) from error
    return runner, site.port


def _check_aiohttp() -> None:
    version = tuple(int(part) for part in aiohttp.__version__.split(".")[:3])
    if version < LEAST_AIOHTTP:
        raise TooOldError(
            f"aiohttp {aiohttp.__version__} is older than "
            f"{'.'.join(map(str, LEAST_AIOHTTP))}, which is the first that is safe here"
        )
