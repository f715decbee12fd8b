"""JSON of every nasty kind in every place of every body, through each format into the journal."""

import json
import random
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from exporter.formats.format import RefusedError, Sender
from exporter.record import Entry
from exporter.telemetry import Rejection
from tests.fuzz import seeds
from tests.fuzz.nasty import VALUES, leaves, placed
from tests.fuzz.oracle import Oracle
from tests.fuzz.signing import signed
from tests.pipelines import START, codec

PLACES = 40
"""Places tried of a format; some have thousands."""


def sender(seed: seeds.Seed, body: bytes) -> Sender:
    form = seeds.EVERY[seed.path]
    headers = dict(zip(form.headers, seed.headers, strict=False))
    return Sender(
        seed.path,
        most_events=500,
        query={"type": seed.query} if seed.query else {},
        headers=signed(seed.path, body, headers, START) if form.signed else headers,
        at=START,
    )


def places(name: str) -> Iterator[tuple[seeds.Seed, bytes]]:
    """Bodies with a nasty value in one place, the same ones every time."""
    pick = random.Random(name)  # noqa: S311 - to be repeatable
    found = []
    for seed in seeds.of(name):
        try:
            value = json.loads(seed.body)
        except ValueError:
            continue
        found += [(seed, value, at) for at in leaves(value)]
    for seed, value, at in pick.sample(found, min(PLACES, len(found))):
        for token in VALUES.values():
            yield seed, placed(value, at, token)


@pytest.mark.parametrize("name", seeds.names())
def test_a_nasty_value_anywhere_is_taken_or_refused_and_what_is_taken_can_be_read_again(
    name: str,
) -> None:
    oracle = Oracle()
    for seed, body in places(name):
        oracle.take(seeds.EVERY[seed.path], body, sender(seed, body))
    oracle.look()

    assert oracle.refused > 20, "some of it is no JSON at all"
    assert oracle.taken > 20, "not everything is looked at"


@pytest.mark.parametrize("key", ["video_id", "course_id"])
@pytest.mark.parametrize("digits", [20, 129, 4301])
def test_a_number_that_is_too_long_for_an_id_is_refused_before_the_journal(
    key: str, digits: int
) -> None:
    """Once it was taken, and the next start could not read the journal."""
    path = "/api/analytics/video-view"
    body = b'{"session_id":"p1","%b":%b}' % (key.encode(), b"9" * digits)
    with pytest.raises(RefusedError) as caught:
        seeds.EVERY[path].parse(body, Sender(path))

    assert caught.value.reason in {Rejection.INVALID, Rejection.MALFORMED}


def test_an_oracle_that_hears_what_the_journal_cannot_read_says_so() -> None:
    path = "/api/analytics/video-view"
    (event,) = seeds.EVERY[path].parse(b'{"session_id":"p1","video_id":7}', Sender(path)).events
    assert codec().decode(1, codec().encode([Entry(START, (event,))]))

    class Careless:
        """A format that lets everything through."""

        def parse(self, body: bytes, sender: Sender) -> object:
            parsed = seeds.EVERY[path].parse(b'{"session_id":"p1"}', sender)
            return parsed._replace(events=(replace(event, video_id="9" * 200),))

    with pytest.raises(Exception, match="cannot be decoded"):
        Oracle().take(Careless(), b"", Sender(path))  # type: ignore[arg-type]
