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
from exporter.event import Choices, Patience, event_type
from exporter.events import DOMAINS
from exporter.events.generation import metrics as generation
from exporter.events.upload import metrics as upload
from exporter.events.web import metrics as web
from exporter.formats import formats
from exporter.formats.format import Sender
from exporter.journal import Journal
from exporter.metric import AnyMetric, Level
from exporter.pipeline import Pipeline
from exporter.privacy import Privacy
from exporter.record import Codec, Entry
from exporter.sessions import Sessions
from exporter.sinks.influx import line
from exporter.sinks.prometheus import Exposition
from exporter.store import Store
from exporter.telemetry import ACCEPTED, DUPLICATE, OPEN_SESSIONS, PROCESS, RECEIVED, REFUSED
from tests.durability.processes import Labels, Samples
from tests.durability.telling import Post

CATALOGUE = Catalogue(DOMAINS)
DURABLE: tuple[AnyMetric, ...] = tuple(CATALOGUE.durable)
TYPES = [event for domain in DOMAINS for event in (*domain.events, *domain.reports)]
LEVELS = frozenset(metric.name for metric in DURABLE if isinstance(metric, Level))
COUNTED = frozenset(metric.name for metric in DURABLE) - LEVELS

GIVEN_UP = ("upload", "play", "generation", "web_session", "page_view", "vital")
"""Lifecycles that wait for the end of what somebody does, so that silence ends it."""

KEY = b"k" * 32
"""Of the hashes, in the model and in the exporter: who is the same must fall in the same place."""

BY_ARRIVAL = {upload.ENDED_BY_AGE.name: "age_class"}
"""The one label that says how long beacons took to come: its families are compared without it."""

BY_CHANCE = frozenset({RECEIVED.name, DUPLICATE.name, REFUSED.name})
"""How often a beacon came whose answer a crash swallowed: only the law of conservation holds."""

ANEW = frozenset({"playback.progressed"})
"""Events without an id are accepted as often as they come: at least as often as acknowledged.

Their totals are cumulative, so that everything else that is made of them is compared exactly.
"""

BY_THE_MINUTE = frozenset(
    metric.name
    for metric in (
        web.ACTIVE_PEOPLE,
        web.AFFECTED_PEOPLE,
        generation.PEOPLE_BEFORE,
        generation.PEOPLE_RETAINED,
    )
)
"""Counted when a minute of the server's clock is over, so compared when the last one is."""

BY_CLOCK = frozenset(
    {"activity", "affected", "audience", "audience_periods", "history", "presence", "video"}
)
"""Lifecycles that last as long as the server's clock says: they are not compared by how many."""

UNTOLD_TAGS = frozenset({"age_class"})
UNTOLD_FIELDS = frozenset({"active_seconds", "previous_seconds", "first_seen", "last_seen"})
"""Of points: what says when beacons came, and nothing else."""

ADDED_UP = frozenset({"video_minute", "video_heatmap", "web_error"})
"""Points of a period of the server's clock: which of them something falls into is chance, so what
is compared is what they add up to, for each set of tags.
"""

GROWING = "video_heatmap"
"""Told again with greater numbers: whichever was set aside, the greatest is what there was."""


def pipeline(silence: float = 1800.0, settle: float = 1.0) -> Pipeline:
    """A pipeline as the exporter has it; ``silence`` is the patience with whom it gives up."""
    lifecycles = [lifecycle for domain in DOMAINS for lifecycle in domain.lifecycles]
    patience = {
        each.name: Patience(silence if each.name in GIVEN_UP else each.silence, settle, 1e9)
        for each in lifecycles
    }
    return Pipeline(
        store=Store(DURABLE, CATALOGUE.members),
        dedup=Dedup(1e9),
        sessions=Sessions(lifecycles, patience, Choices(retry_seconds=silence)),
    )


def patient(silence: float) -> dict[str, object]:
    """The settings of an exporter that waits as such a pipeline does."""
    waits = {f"SESSIONS__SILENCE_SECONDS__{name.upper()}": silence for name in GIVEN_UP}
    return {**waits, "GENERATION__RETRY_SECONDS": silence}


def engine(folder: Path, silence: float = 1800.0, settle: float = 1.0) -> Engine:
    """An engine on a folder, as the exporter has it; nobody appends to it yet."""
    return Engine(
        journal=Journal(folder / "journal.db", Codec(TYPES)),
        state=StateFile(folder / "state.db", most_outbox_bytes=10**9),
        pipeline=pipeline(silence, settle),
        process=Store(PROCESS, CATALOGUE.members),
        # What these engines count came before: entries are made from 1.8e9 on.
        clock=Clock(lambda: 1.9e9),
        line=line,
    )


def close(crashed: Engine) -> None:
    """Let go of the files of an engine, and save nothing."""
    crashed._state.close()
    crashed.journal.close()


class Reader:
    """Reads posts as the receiver does."""

    def __init__(self) -> None:
        self._formats = formats(DOMAINS, Privacy(DEFAULTS, KEY))

    def entry(self, post: Post, at: float) -> Entry:
        """A post as the journal would hold it."""
        query = {"type": post.kind} if post.kind else {}
        headers = dict(post.headers)
        sender = Sender(post.path, post.user_agent, None, 500, query=query, headers=headers)
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
        assert len(entry.events) == post.events, post
        self.pipeline.apply(entry)
        self.posts += 1
        self.events.update(event_type(event) for event in entry.events)
        anew = {event_type(event) for event in entry.events if event.id is None}
        assert anew <= (ANEW if post.anew else frozenset()), f"{anew} have no id: {post}"

    def wait(self, seconds: float) -> None:
        """Nothing comes for a while."""
        self._at += seconds
        self.pipeline.apply(Entry(self._at))


def samples(pipeline: Pipeline) -> Samples:
    """What a pipeline has counted as ``/metrics`` would say it, and how many subjects go on."""
    opened = {
        (OPEN_SESSIONS.name, frozenset({("lifecycle", name)})): float(still)
        for name, still, _ in pipeline.sessions.counts()
    }
    return opened | {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in Exposition((pipeline.store,), {}, lambda: pipeline.now).families()
        for sample in family.samples
        if not sample.name.startswith(("process_", "python_"))
    }


def counted(page: Samples) -> Samples:
    """The samples of a page that survive every crash and only grow."""
    suffixes = re.compile(r"_(bucket|sum|count)$")
    return {
        (name, labels): value
        for (name, labels), value in page.items()
        if name in COUNTED or suffixes.sub("", name) in COUNTED
    }


def accepted_anew(page: Samples) -> float:
    """How many events without an id were accepted, repetitions among them."""
    return sum(page[key] for key in _anew())


def _anew() -> set[tuple[str, Labels]]:
    return {(ACCEPTED.name, frozenset({("type", each)})) for each in ANEW}


def comparable(page: Samples, *, minute_over: bool = False) -> Samples:
    """What must survive every crash, without what depends on when beacons came."""
    without_minute = frozenset[str]() if minute_over else BY_THE_MINUTE
    found: dict[tuple[str, Labels], float] = {
        (name, labels): value
        for (name, labels), value in page.items()
        if name in LEVELS - without_minute
        or (name == OPEN_SESSIONS.name and dict(labels)["lifecycle"] not in BY_CLOCK)
    }
    for (name, labels), value in counted(page).items():
        if name in BY_CHANCE or (name, labels) in _anew():
            continue
        without = BY_ARRIVAL.get(name)
        key = name, frozenset(pair for pair in labels if pair[0] != without)
        found[key] = found.get(key, 0.0) + value
    return found


def differences(
    page: Samples, model: Samples, *, minute_over: bool = False
) -> dict[tuple[str, Labels], tuple[float | None, float | None]]:
    """Where two pages differ: what is, what should be. Sums of floats may differ in order only."""
    found = comparable(page, minute_over=minute_over)
    expected = comparable(model, minute_over=minute_over)
    there = dict.fromkeys((*found, *expected))
    return {
        key: (found.get(key), expected.get(key))
        for key in there
        if not _same(key[0], found.get(key), expected.get(key))
    }


def _same(name: str, found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return abs(found - expected) <= (1e-9 * abs(expected) if name.endswith("_sum") else 0)


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
    """Read a line; nothing in the traffic of these tests needs escaping, or is like a comma."""
    assert "\\" not in text, text
    head, _, rest = text.partition(" ")
    fields, _, stamp = rest.rpartition(" ")
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
        fields = found.setdefault((*each.series, each.stamp), {})
        for name, value in each.fields.items():
            if each.measurement == GROWING and name in fields:
                fields[name] = max(value, fields[name], key=_number)
            else:
                fields[name] = value
    return found


def _number(text: str) -> float:
    return float(text.removesuffix("i"))


def model_points(model: Pipeline) -> Points:
    """The points that a pipeline made."""
    return points(line(point, stamp) for point, stamp in model.points)


Content = tuple[str, frozenset[tuple[str, str]], frozenset[object]]


def contents(found: Points) -> Counter[Content]:
    """What points say, without what depends on when beacons came."""
    told = Counter[Content]()
    sums: dict[tuple[str, frozenset[tuple[str, str]]], dict[str, float]] = {}
    for (measurement, tags, _), fields in found.items():
        told_tags = frozenset(tag for tag in tags if tag[0] not in UNTOLD_TAGS)
        told_fields = {name: each for name, each in fields.items() if name not in UNTOLD_FIELDS}
        if measurement not in ADDED_UP:
            told[measurement, told_tags, frozenset(told_fields.items())] += 1
            continue
        texts = {item for item in told_fields.items() if item[1].startswith('"')}
        total = sums.setdefault((measurement, told_tags | texts), {})
        for name, value in told_fields.items() - texts:
            total[name] = total.get(name, 0.0) + _number(value)
    for (measurement, told_tags), total in sums.items():
        told[measurement, told_tags, frozenset(total.items())] += 1
    return told


def outbox(directory: Path) -> list[str]:
    """The lines that wait in the outbox of an exporter that has stopped."""
    with closing(sqlite3.connect(directory / "state.db")) as db:
        rows = db.execute("SELECT lines FROM outbox ORDER BY number").fetchall()
    return [line for (lines,) in rows for line in lines.split("\n")]
