"""The inside of an instance without its edges: what decodes and what counts, and what to count."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench import mix
from exporter.catalogue import Catalogue
from exporter.dedup import Dedup
from exporter.event import Event, Patience
from exporter.events import DOMAINS
from exporter.formats import formats
from exporter.formats.format import Sender
from exporter.pipeline import Pipeline
from exporter.privacy import Privacy
from exporter.record import Codec, Entry
from exporter.sessions import Sessions
from exporter.store import Store

CATALOGUE = Catalogue(DOMAINS)
FORMATS = formats(DOMAINS, Privacy(CATALOGUE.lists, bytes(32)))


def pipeline() -> Pipeline:
    """As one instance has it, with the knobs as shipped."""
    lifecycles = [each for domain in DOMAINS for each in domain.lifecycles]
    return Pipeline(
        store=Store(CATALOGUE.durable, CATALOGUE.members),
        dedup=Dedup(7200.0),
        sessions=Sessions(lifecycles, {each.name: Patience(each.silence) for each in lifecycles}),
    )


def codec() -> Codec:
    """Of the journal."""
    return Codec([event for domain in DOMAINS for event in (*domain.events, *domain.reports)])


def parse(path: str, body: str, agent: str | None = None) -> tuple[Event, ...]:
    """The events in a body, none of which may be refused."""
    parsed = FORMATS[path].parse(body.encode(), Sender(path, agent, "DE", 500, at=time.time()))
    if parsed.rejected:
        raise SystemExit(f"{path} refuses: {parsed.rejected[0]}")
    return parsed.events


def entries(count: int, *, began: float, per_second: float) -> Iterator[Entry]:
    """So many entries of the journal, of every format in turn, that came at this rate."""
    turns = zip(range(count), mix.beacons(), strict=False)
    for number, (source, body) in turns:
        yield Entry(began + number / per_second, parse(source.path, body, mix.AGENT))
