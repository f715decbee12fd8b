"""The text of a scrape is what the numbers are now, however much of it was written before."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from exporter.catalogue import DEFAULTS
from exporter.metric import Closed, Counter, Gauge, Histogram, Level
from exporter.sinks.prometheus import Exposition
from exporter.store import Store


class Colour(Closed):
    RED = "red"
    BLUE = "blue"


class OfColour(NamedTuple):
    colour: Colour


class Plain(NamedTuple):
    pass


SEEN = Counter("test_seen_total", "Things seen.", OfColour)
TOOK = Histogram("test_took_seconds", "Time taken.", OfColour, (0.5, 1.0))
DEPTH = Level("test_depth", "Depth.", Plain, lasts=10.0)
HELD = Gauge("test_held", "Things held.", Plain)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("see"), st.sampled_from(Colour), st.integers(1, 3)),
        st.tuples(st.just("take"), st.sampled_from(Colour), st.sampled_from((0.1, 0.5, 0.7, 9.0))),
        st.tuples(st.just("deepen"), st.just(None), st.integers(0, 5)),
        st.tuples(st.just("hold"), st.just(None), st.integers(0, 5)),
        st.tuples(st.just("wait"), st.just(None), st.integers(1, 6)),
        st.tuples(st.just("scrape"), st.just(None), st.just(0)),
    ),
    max_size=40,
)


class Scraped:
    """A few numbers, and the clock by which a level is forgotten."""

    def __init__(self) -> None:
        self.now = 1.0
        self.held = 0.0
        self.store = Store((SEEN, TOOK, DEPTH), DEFAULTS)
        self.kept = self.exposition()

    def exposition(self) -> Exposition:
        held = {HELD: lambda: [((), self.held)]}
        return Exposition((self.store,), held, lambda: self.now)

    def step(self, step: tuple[str, Colour | None, float]) -> None:
        what, colour, number = step
        if what == "see" and colour:
            self.store.count(SEEN, OfColour(colour), number)
        elif what == "take" and colour:
            self.store.count(TOOK, OfColour(colour), number)
        elif what == "deepen":
            self.store.add([DEPTH((), number)], self.now)
        elif what == "hold":
            self.held = number
        else:
            self.now += number


def own(text: bytes) -> str:
    """Without what the process says of itself, which is never twice the same."""
    rows = text.decode().splitlines()
    return "\n".join(row for row in rows if "process_" not in row)


@given(steps)
@bounded(max_examples=150)
async def test_text_that_is_kept_between_scrapes_is_the_text_of_now(
    taken: list[tuple[str, Colour | None, float]],
) -> None:
    scraped = Scraped()
    for step in taken:
        scraped.step(step)
        if step[0] == "scrape":
            assert own(await scraped.kept.render()) == own(await scraped.exposition().render())

    assert own(await scraped.kept.render()) == own(await scraped.exposition().render())


async def test_a_reader_of_prometheus_finds_every_number() -> None:
    scraped = Scraped()
    for step in (("see", Colour.RED, 2.0), ("take", Colour.BLUE, 0.7), ("deepen", None, 4.0)):
        scraped.step(step)
    await scraped.kept.render()
    scraped.step(("take", Colour.BLUE, 0.1))
    families = text_string_to_metric_families(own(await scraped.kept.render()) + "\n")
    found = {(s.name, *s.labels.values()): s.value for each in families for s in each.samples}

    assert found["test_seen_total", "red"] == 2.0
    assert found["test_seen_total", "blue"] == 0.0
    assert found["test_took_seconds_bucket", "blue", "0.5"] == 1.0
    assert found["test_took_seconds_bucket", "blue", "+Inf"] == 2.0
    assert found["test_took_seconds_sum", "blue"] == 0.1 + 0.7
    assert found[("test_depth",)] == 4.0
