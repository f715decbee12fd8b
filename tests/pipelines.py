"""A pipeline under a clock that the test moves, and its numbers as Prometheus would see them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from prometheus_client.samples import Sample

from exporter import telemetry
from exporter.catalogue import Catalogue
from exporter.dedup import Dedup
from exporter.event import Event, Patience, Point
from exporter.events import DOMAINS
from exporter.formats import formats
from exporter.formats.format import Parsed, Sender
from exporter.pipeline import Pipeline
from exporter.privacy import Privacy
from exporter.record import Codec, Entry
from exporter.sessions import Change, Sessions
from exporter.sinks.prometheus import Exposition
from exporter.store import Store

OPEN = frozenset(telemetry.OpenTag)
START = 1_700_000_000.0
CATALOGUE = Catalogue(DOMAINS)
CLEANER = Privacy(CATALOGUE.lists, bytes(32))
FORMATS = formats(DOMAINS, CLEANER)
LIFECYCLES = tuple(lifecycle for domain in DOMAINS for lifecycle in domain.lifecycles)
TYPES = tuple(event for domain in DOMAINS for event in (*domain.events, *domain.reports))

Series = dict[str, float]


def codec() -> Codec:
    return Codec(TYPES)


def parse(
    path: str,
    body: bytes | Mapping[str, Any],
    *,
    user_agent: str | None = None,
    country: str | None = None,
    kind: str | None = None,
) -> Parsed:
    """What the receiver would read in a body that came to `path`."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    query = {"type": kind} if kind else {}
    return FORMATS[path].parse(raw, Sender(path, user_agent, country, 500, query=query))


def told(*events: Mapping[str, Any]) -> tuple[Event, ...]:
    """Events in the form of `/v1/events`, none of which may be refused."""
    parsed = parse("/v1/events", {"events": events})
    assert not parsed.rejected, parsed.rejected
    return parsed.events


def named(name: str, labels: Mapping[str, str]) -> str:
    """A series as it is written on `/metrics`, with its labels in the order of their names."""
    return name + "{" + ",".join(f'{key}="{labels[key]}"' for key in sorted(labels)) + "}"


def nonzero(samples: Iterable[Sample]) -> Series:
    return {named(each.name, each.labels): each.value for each in samples if each.value}


def conserved(store: Store) -> None:
    """Assert the law: received = accepted + duplicate + rejected + limited + refused."""
    kinds = telemetry.ACCEPTED, telemetry.DUPLICATE, telemetry.REJECTED
    kinds += telemetry.LIMITED, telemetry.REFUSED
    became = {each.name: sum(cell[0] for cell in store.cells(each).values()) for each in kinds}
    received = store.value(telemetry.RECEIVED)
    assert received == sum(became.values()), f"{received} events came, and became {became}"


class Piped:
    """A pipeline as one instance has it, without its edges."""

    def __init__(self, *, patience: Patience | None = None, window: float = 7200.0) -> None:
        waits = {each.name: patience or Patience(each.silence) for each in LIFECYCLES}
        self.pipeline = Pipeline(
            store=Store(CATALOGUE.durable, CATALOGUE.members),
            dedup=Dedup(window),
            sessions=Sessions(LIFECYCLES, waits),
        )
        self.now = START
        self.points: list[tuple[Point, int]] = []
        self._exposition = Exposition((self.pipeline.store,), {}, lambda: self.now)

    def apply(self, entry: Entry) -> None:
        self.pipeline.apply(entry)
        while self.pipeline.points:
            point, stamp = self.pipeline.points.popleft()
            assert point.open_tags == any(name in OPEN for name, _ in point.tags), point
            self.points.append((point, stamp))

    def take(self, events: tuple[Event, ...]) -> None:
        """What a server told, now."""
        self.apply(Entry(self.now, events))

    def exposed(self) -> int:
        """How many series there are."""
        families = self._exposition.families()
        return sum(len(each.samples) for each in families if "process_" not in each.name)

    def tell(self, *events: Mapping[str, Any]) -> None:
        """Let a server tell, now."""
        self.apply(Entry(self.now, told(*events)))

    def beacon(self, path: str, body: bytes | Mapping[str, Any], **sender: str | None) -> None:
        """Let a page send, now."""
        parsed = parse(path, body, **sender)
        assert not parsed.rejected
        self.apply(Entry(self.now, parsed.events))

    def wait(self, seconds: float) -> None:
        """Let time pass, with a tick at its end."""
        self.now += seconds
        self.apply(Entry(self.now))

    def outlast(self) -> None:
        """Wait until everything that goes on has ended."""
        self.wait(1800.0)
        self.wait(1800.0)

    def series(self, prefix: str = "") -> Series:
        """Every series that is not 0, of the families whose names begin with `prefix`."""
        families = (each for each in self._exposition.families() if "process_" not in each.name)
        return nonzero(s for each in families for s in each.samples if s.name.startswith(prefix))

    def total(self, family: str, **labels: str) -> float:
        """The sum of the counters of a family that have these labels."""
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        return sum(
            value
            for name, value in self.series(family).items()
            if name.startswith(family + "{") and all(each in name for each in wanted)
        )


class Saved:
    """A state file in memory: what checkpoints have written so far."""

    def __init__(self) -> None:
        self.counters: dict[str, bytes] = {}
        self.sessions: dict[tuple[str, str], bytes] = {}
        self.ids: list[tuple[int, bytes]] = []
        self._piped = Piped()
        self._changes: list[Change] = []

    def save(self, piped: Piped) -> None:
        """Save what is now; sessions as late as can be, when more has happened to them."""
        self._finish()
        pipeline = piped.pipeline
        self.counters |= pipeline.store.changed()
        self._piped, self._changes = piped, pipeline.sessions.changing()
        self.ids += pipeline.dedup.fresh().items()
        dedup = pipeline.dedup
        self.scalars = (pipeline.now, pipeline.stamps, dedup.generation, dedup.turned)

    def _finish(self) -> None:
        self._piped.pipeline.sessions.lull()
        for name, subject, body in self._changes:
            if body is None:
                self.sessions.pop((name, subject), None)
            else:
                self.sessions[name, subject] = body

    def restored(self) -> Piped:
        self._finish()
        piped = Piped()
        pipeline = piped.pipeline
        pipeline.now, pipeline.stamps, generation, turned = self.scalars
        assert pipeline.store.restore(self.counters) == []
        pipeline.sessions.restore([(*key, body) for key, body in self.sessions.items()])
        pipeline.dedup.restore(generation, turned, self.ids)
        return piped


def entries(stream: Sequence[tuple[float, tuple[Event, ...]]]) -> list[Entry]:
    """Entries from pauses (seconds) and the events after them."""
    now, made = START, []
    for pause, events in stream:
        now += pause
        made.append(Entry(now, events))
    return made
