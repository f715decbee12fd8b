"""What should have been counted: the pure pipeline, run in the test over what was acknowledged."""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from exporter.catalogue import DEFAULTS, Catalogue
from exporter.checkpoint import StateFile
from exporter.clock import Clock
from exporter.dedup import Dedup
from exporter.engine import Engine
from exporter.event import Patience, event_type
from exporter.events import DOMAINS
from exporter.events.upload import metrics
from exporter.formats import formats
from exporter.formats.format import Sender
from exporter.journal import Journal
from exporter.metric import AnyMetric
from exporter.pipeline import Pipeline
from exporter.privacy import Privacy
from exporter.record import Codec, Entry
from exporter.sessions import Sessions
from exporter.sinks.influx import line
from exporter.sinks.prometheus import Exposition
from exporter.store import Store
from exporter.telemetry import DUPLICATE, PROCESS, RECEIVED, REFUSED
from tests.durability.processes import Labels, Samples
from tests.durability.traffic import Post

CATALOGUE = Catalogue(DOMAINS)
DURABLE: tuple[AnyMetric, ...] = tuple(CATALOGUE.durable)
TYPES = [event for domain in DOMAINS for event in (*domain.events, *domain.reports)]
NAMES = frozenset(metric.name for metric in DURABLE)

BY_ARRIVAL = {metrics.ENDED_BY_AGE.name: "age_class"}
"""The one label that says how long beacons took to come: its families are compared without it."""

BY_CHANCE = frozenset({RECEIVED.name, DUPLICATE.name, REFUSED.name})
"""How often a beacon came whose answer a crash swallowed: only the law of conservation holds."""


def pipeline(silence: float = 1800.0, settle: float = 1.0) -> Pipeline:
    """A pipeline as the exporter has it."""
    lifecycles = [lifecycle for domain in DOMAINS for lifecycle in domain.lifecycles]
    patience = {each.name: Patience(silence, settle, 1e9) for each in lifecycles}
    return Pipeline(
        store=Store(DURABLE, CATALOGUE.members),
        dedup=Dedup(1e9),
        sessions=Sessions(lifecycles, patience),
    )


def engine(folder: Path, silence: float = 1800.0, settle: float = 1.0) -> Engine:
    """An engine on a folder, as the exporter has it; nobody appends to it yet."""
    return Engine(
        journal=Journal(folder / "journal.db", Codec(TYPES)),
        state=StateFile(folder / "state.db", most_outbox_bytes=10**9),
        pipeline=pipeline(silence, settle),
        process=Store(PROCESS, CATALOGUE.members),
        clock=Clock(),
        line=line,
    )


def close(crashed: Engine) -> None:
    """Let go of the files of an engine, and save nothing."""
    crashed._state.close()
    crashed.journal.close()


class Reader:
    """Reads posts as the receiver does."""

    def __init__(self) -> None:
        self._formats = formats(DOMAINS, Privacy(DEFAULTS, bytes(32)))

    def entry(self, post: Post, at: float) -> Entry:
        """A post as the journal would hold it."""
        query = {"type": post.kind} if post.kind else {}
        sender = Sender(post.path, post.user_agent, most_events=500, query=query)
        parsed = self._formats[post.path].parse(post.body, sender)
        assert not parsed.rejected, post
        return Entry(at, parsed.events)


def entries(posts: Iterable[Post], at: float = 1.8e9, apart: float = 1e-6) -> list[Entry]:
    """The posts as the journal would hold them."""
    reader = Reader()
    found = []
    for post in posts:
        at += apart
        found.append(reader.entry(post, at))
    return found


class Truth:
    """What should have been counted by now: the pure pipeline, fed with what was acknowledged."""

    def __init__(self, *, silence: float) -> None:
        self.pipeline = pipeline(silence)
        self._reader = Reader()
        self._at = 1.8e9
        self.posts = 0
        self.events: Counter[str] = Counter()
        """Unique ones, by type."""

    def learn(self, post: Post) -> None:
        """One more that was acknowledged."""
        self._at += 1e-6
        entry = self._reader.entry(post, self._at)
        self.pipeline.apply(entry)
        self.posts += 1
        self.events.update(event_type(event) for event in entry.events)

    def wait(self, seconds: float) -> None:
        """Nothing comes for a while."""
        self._at += seconds
        self.pipeline.apply(Entry(self._at))


def samples(store: Store) -> Samples:
    """A store as ``/metrics`` would say it."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in Exposition((store,), {}, lambda: 0.0).families()
        for sample in family.samples
        if not sample.name.startswith(("process_", "python_"))
    }


def durable(page: Samples) -> Samples:
    """The samples of a page that must survive every crash."""
    suffixes = re.compile(r"_(bucket|sum|count)$")
    return {
        (name, labels): value
        for (name, labels), value in page.items()
        if name in NAMES or suffixes.sub("", name) in NAMES
    }


def comparable(page: Samples) -> Samples:
    """The durable samples, without what depends on when beacons came."""
    found: dict[tuple[str, Labels], float] = {}
    for (name, labels), value in durable(page).items():
        if name in BY_CHANCE:
            continue
        without = BY_ARRIVAL.get(name)
        key = name, frozenset(pair for pair in labels if pair[0] != without)
        found[key] = found.get(key, 0.0) + value
    return found


def differences(page: Samples, model: Samples) -> dict[tuple[str, Labels], tuple[float, float]]:
    """Where two pages differ: what is, what should be. Sums of floats may differ in order only."""
    found, expected = comparable(page), comparable(model)
    assert found.keys() == expected.keys()
    return {
        key: (found[key], expected[key])
        for key in found
        if abs(found[key] - expected[key]) > (1e-9 * abs(expected[key]) if _is_sum(key[0]) else 0)
    }


def _is_sum(name: str) -> bool:
    return name.endswith("_sum")


class Line(NamedTuple):
    """A line of line protocol, taken apart."""

    measurement: str
    tags: frozenset[tuple[str, str]]
    fields: Mapping[str, str]
    stamp: int

    @property
    def series(self) -> tuple[str, frozenset[tuple[str, str]]]:
        """What InfluxDB tells points apart by, beside the time."""
        return self.measurement, self.tags


def taken_apart(text: str) -> Line:
    """Read a line; the traffic of these tests has nothing in it that needs escaping."""
    assert "\\" not in text, text
    head, fields, stamp = text.split(" ")
    measurement, *tags = head.split(",")
    return Line(
        measurement,
        frozenset((name, value) for name, _, value in (tag.partition("=") for tag in tags)),
        {name: value for name, _, value in (field.partition("=") for field in fields.split(","))},
        int(stamp),
    )


Points = dict[tuple[str, frozenset[tuple[str, str]], int], dict[str, str]]


def points(lines: Iterable[str]) -> Points:
    """Points as InfluxDB keeps them: one for each series and time, with the fields of all lines."""
    found: Points = {}
    for each in map(taken_apart, lines):
        found.setdefault((*each.series, each.stamp), {}).update(each.fields)
    return found


def model_points(model: Pipeline) -> Points:
    """The points that a pipeline made."""
    return points(line(point, stamp) for point, stamp in model.points)


def contents(found: Points) -> Counter[tuple[str, frozenset[tuple[str, str]], frozenset[object]]]:
    """What points say, without what depends on when beacons came."""
    return Counter(
        (
            measurement,
            frozenset(tag for tag in tags if tag[0] != "age_class"),
            frozenset(field for field in fields.items() if field[0] != "active_seconds"),
        )
        for (measurement, tags, _), fields in found.items()
    )


def outbox(directory: Path) -> list[str]:
    """The lines that wait in the outbox of an exporter that has stopped."""
    with closing(sqlite3.connect(directory / "state.db")) as db:
        rows = db.execute("SELECT lines FROM outbox ORDER BY number").fetchall()
    return [line for (lines,) in rows for line in lines.split("\n")]
