"""Exporters that break a promise: whoever proves the promises must notice each of them.

``python -m tests.durability.defects NAME`` serves with the defect of that name.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress

from exporter.__main__ import main
from exporter.clock import Clock
from exporter.dedup import Dedup
from exporter.engine import Engine
from exporter.event import Event
from exporter.journal import Journal
from exporter.pipeline import Pipeline
from exporter.record import Entry
from exporter.sessions import Sessions
from exporter.sink import SinkAwayError, SinkBusyError
from exporter.sinks.influx import InfluxSink

LATE = 0.05
"""Seconds after the answer at which a record is written down."""

FORGOTTEN = 20
"""Records: those of the last moments, some of which were acknowledged."""


def acknowledges_before_the_record_is_on_disk() -> None:
    def write(self: Engine, events: tuple[Event, ...]) -> "asyncio.Future[int]":
        answered = self._loop.create_future()
        answered.set_result(0)
        entry = self._turned_away.entry(self.clock.now(), events)
        self._loop.call_later(LATE, self._append, entry, None)
        return answered

    Engine.write = write  # type: ignore[method-assign]


def knows_no_repeated_beacon() -> None:
    Dedup.first = lambda self, seen: True  # type: ignore[method-assign]


def forgets_the_end_of_the_journal_after_a_crash() -> None:
    read = Journal.read

    def without_the_last(self: Journal, after: int) -> Iterator[tuple[int, Entry]]:
        return iter(list(read(self, after))[:-FORGOTTEN])

    Journal.read = without_the_last  # type: ignore[method-assign]


def counts_no_repeats() -> None:
    usual = Pipeline._repeats

    def repeats(self: Pipeline, event: Event) -> bool:
        before = self._duplicate[0]
        found = usual(self, event)
        self._duplicate[0] = before
        return found

    Pipeline._repeats = repeats  # type: ignore[method-assign]


def takes_an_error_of_the_sink_for_an_answer() -> None:
    usual = InfluxSink.write

    async def write(self: InfluxSink, lines: Sequence[str]) -> None:
        with suppress(SinkAwayError, SinkBusyError):
            await usual(self, lines)

    InfluxSink.write = write  # type: ignore[method-assign]


def follows_the_wall_clock() -> None:
    Clock.now = lambda self: time.time()  # type: ignore[method-assign]


def forgets_the_plays_at_a_start() -> None:
    _restores_without({"play"})


def forgets_who_was_there_at_a_start() -> None:
    _restores_without({"presence", "audience"})


def _restores_without(lifecycles: AbstractSet[str]) -> None:
    usual = Sessions.restore

    def restore(self: Sessions, saved: Iterable[tuple[str, str, bytes]]) -> None:
        usual(self, [each for each in saved if each[0] not in lifecycles])

    Sessions.restore = restore  # type: ignore[method-assign]


Defect = Callable[[], None]
DEFECTS: dict[str, Defect] = {
    each.__name__: each
    for each in (
        acknowledges_before_the_record_is_on_disk,
        knows_no_repeated_beacon,
        forgets_the_end_of_the_journal_after_a_crash,
        counts_no_repeats,
        takes_an_error_of_the_sink_for_an_answer,
        follows_the_wall_clock,
        forgets_the_plays_at_a_start,
        forgets_who_was_there_at_a_start,
    )
}

if __name__ == "__main__":
    DEFECTS[sys.argv[1]]()
    sys.exit(main(["serve"]))
