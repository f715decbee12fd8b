"""What the tests of players' formats share: what is hostile, and what is written down."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from exporter.event import Event
from exporter.formats.format import RefusedError, Sender
from exporter.record import Entry
from tests.pipelines import FORMATS, START, Piped, codec, parse

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
CANARIES = (
    "secret-token",
    "ann@example.com",
    "203.0.113.77",
    "viewer-of-the-device",
    "Ann Anderson",
)
"""What a beacon may hold and an event may not."""


def events(path: str, *bodies: Mapping[str, Any], **sender: str) -> tuple[Event, ...]:
    """The events of beacons, none of which may be refused."""
    found: list[Event] = []
    for body in bodies:
        parsed = parse(path, body, **sender)
        assert not parsed.rejected
        found += parsed.events
    return tuple(found)


def written(those: Sequence[Event]) -> bytes:
    """The bytes that the journal keeps; what it reads of them is what was written."""
    body = codec().encode([Entry(START, tuple(those))])
    assert codec().decode(1, body)[0].events == tuple(those)
    return body


def survives(path: str, body: bytes) -> None:
    """Any bytes end in events that can be written down and counted, or in a refusal."""
    try:
        parsed = FORMATS[path].parse(body, Sender(path, AGENT, "DE", at=START))
    except RefusedError:
        return
    written(parsed.events)
    piped = Piped()
    piped.take(parsed.events)
    piped.outlast()
    assert all(math.isfinite(value) and value >= 0 for value in piped.series("video_").values())


def mutated(bodies: Sequence[Mapping[str, Any]]) -> st.SearchStrategy[bytes]:
    """Beacons in which anything may be something else, or gone, or twice as deep."""
    odd = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False),
        st.sampled_from((0, -1, 1e308, -1e308, 1.79e12, 2**53, "", "x" * 5000, "\u0000", [], {})),
        st.text(max_size=20),
        st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    )

    @st.composite
    def body(draw: st.DrawFn) -> bytes:
        made = msgspec.json.decode(msgspec.json.encode(draw(st.sampled_from(bodies))))
        for _ in range(draw(st.integers(0, 3))):
            place = made
            while True:
                key = draw(st.sampled_from(sorted(place)))
                inner = place[key]
                if isinstance(inner, dict) and inner and draw(st.booleans()):
                    place = inner
                    continue
                if draw(st.booleans()):
                    place[key] = draw(odd)
                else:
                    del place[key]
                break
            if not made:
                break
        text = msgspec.json.encode(_spoken(made))
        cut = draw(st.one_of(st.just(len(text)), st.integers(0, len(text))))
        return text[:cut]

    return st.one_of(body(), st.binary(max_size=200))


def _spoken(value: Any) -> Any:
    """Numbers that JSON has no bits for become those that it has."""
    if isinstance(value, dict):
        return {key: _spoken(each) for key, each in value.items()}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return float(value)
    return value
