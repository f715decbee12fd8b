"""The journal takes every event that there is, and an event that it cannot take stops nobody."""

import asyncio
from itertools import islice
from pathlib import Path

import pytest

from exporter.engine import NotWrittenError
from exporter.event import event_type
from exporter.events.upload.metrics import GENERIC
from exporter.events.upload.reported import GenericHappened
from exporter.metric import Route
from exporter.record import VERSION, Codec, Entry
from exporter.telemetry import APPEND_ERRORS
from tests import hostile
from tests.durability import model
from tests.durability.processes import until
from tests.durability.traffic import Stories
from tests.pipelines import parse

MEASUREMENTS = (
    {"name": "web_vitals_lcp", "value": None},
    {"name": "of_our_own", "value": 1.0},
)
"""What pages measure that becomes events of types which nobody can send by name."""


def test_every_type_of_event_is_read_as_it_was_written() -> None:
    posts = [post for story in islice(iter(Stories(7)), 600) for post in story]
    entries = [
        *model.entries(posts),
        *(Entry(1.0, hostile.taken(event)) for event in hostile.TYPES),
        *(Entry(1.0, parse("/api/metrics", body).events) for body in MEASUREMENTS),
    ]
    codec = Codec(model.TYPES)
    read = codec.decode(VERSION, codec.encode(entries))
    assert [(each.at, each.events) for each in read] == [(e.at, e.events) for e in entries]
    seen = {event_type(event) for entry in entries for event in entry.events}
    assert seen == {event_type(each) for each in model.TYPES}


async def test_an_event_that_cannot_be_written_fails_for_its_sender_and_stops_nobody(
    tmp_path: Path,
) -> None:
    started = model.engine(tmp_path)
    started.recover()
    started.start()
    with pytest.raises(NotWrittenError):
        async with asyncio.timeout(10):
            await started.write((GenericHappened(kind=Route("a route is no plain text")),))
    assert not started.writable
    started.tick()
    await until(lambda: started.writable)
    await started.write((GenericHappened(kind="clicked"),))
    assert started.pipeline.store.value(GENERIC) == 1
    assert started.process.value(APPEND_ERRORS) == 1
    await started.close()
