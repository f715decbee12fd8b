"""Events as a hostile client makes them: every value that the shapes allow, and new ones always.

``python -m tests.hostile --events 1000000 --seed 1`` sends so many through decoding, cleaning and
the pipeline, and prints how many series there are and whether the totals are exact;
``tests/test_hostile.py`` is its short form.
"""

from __future__ import annotations

import argparse
import random
import string
import sys
import time
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from typing import Any

import msgspec
from msgspec import inspect

from exporter.event import Event, event_type
from exporter.events import DOMAINS
from tests.pipelines import CATALOGUE, Piped, parse

TYPES: tuple[type[Event], ...] = tuple(event for domain in DOMAINS for event in domain.events)
BATCH = 100
NAME = string.ascii_letters + string.digits + "._:-"
TEXTS = (
    '"} 1\nvideo_upload_started_total 999',
    "\\",
    "\u202e\u0000\ufeff",
    "é" * 300,
    "ann@example.com",
    "NaN",
    "{{ . }}",
    "../../etc/passwd",
    "<script>",
    "x" * 200,
)


class Hostile:
    """Makes events; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeatable, not to be secret
        self._shapes = [(event, inspect.type_info(event)) for event in TYPES]

    def events(self, count: int) -> Iterator[dict[str, Any]]:
        """So many, each of a random type."""
        for _ in range(count):
            event, shape = self._random.choice(self._shapes)
            yield {"type": event_type(event), **self._object(shape)}

    def of(self, event: type[Event]) -> dict[str, Any]:
        """One event of a type."""
        return {"type": event_type(event), **self._object(inspect.type_info(event))}

    def _object(self, shape: Any) -> dict[str, Any]:
        made = {}
        for field in shape.fields:
            if field.required or self._random.random() < 0.7:
                made[field.encode_name] = self._value(field.type)
        return made

    def _value(self, kind: Any) -> Any:  # noqa: C901, PLR0911 - a table of kinds
        pick = self._random
        match kind:
            case inspect.UnionType(types=types):
                return self._value(pick.choice(types))
            case inspect.NoneType():
                return None
            case inspect.BoolType():
                return pick.random() < 0.5
            case inspect.IntType():
                return int(self._number(kind))
            case inspect.FloatType():
                return self._number(kind)
            case inspect.StrType():
                return self._text(kind)
            case inspect.EnumType(cls=cls):
                return self._member(cls)
            case inspect.StructType():
                return self._object(kind)
            case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
                return [self._value(item) for _ in range(pick.randrange(4))]
            case inspect.DictType(value_type=value):
                return {self._word(): self._value(value) for _ in range(pick.randrange(4))}
        raise AssertionError(f"teach {__name__} to make a {kind}")

    def _number(self, kind: Any) -> float:
        least = kind.ge if kind.ge is not None else kind.gt
        most = kind.le if kind.le is not None else kind.lt
        least = -1e15 if least is None else least
        most = 1e15 if most is None else most
        if kind.gt is not None:
            least += 1
        if kind.lt is not None:
            most -= 1
        edge = self._random.random()
        if edge < 0.15:
            return float(least)
        return float(most) if edge < 0.3 else self._random.uniform(least, most)

    def _member(self, cls: type[Enum]) -> str:
        if self._random.random() < 0.5:
            return str(self._random.choice(list(cls)).value)
        try:
            cls("made up")
        except ValueError:
            return str(self._random.choice(list(cls)).value)
        return self._word() + self._random.choice(TEXTS)

    def _word(self) -> str:
        return "".join(self._random.choices(NAME, k=self._random.randint(1, 40)))

    def _text(self, kind: Any) -> str:
        if kind.pattern is not None:
            if "{2}" in kind.pattern:
                return "".join(self._random.choices(string.ascii_letters, k=2))
            if "{3}" in kind.pattern:
                return "".join(self._random.choices(string.ascii_uppercase, k=3))
            return self._word()[: kind.max_length or 40]
        text = self._random.choice((self._word(), self._random.choice(TEXTS)))
        return text[: kind.max_length or 4096] or "x" * (kind.min_length or 0)


def taken(event: type[Event]) -> tuple[Event, ...]:
    """One hostile event of a type that is not refused."""
    maker = Hostile(1)
    for _ in range(100):
        parsed = parse("/v1/events", msgspec.json.encode({"events": [maker.of(event)]}))
        if parsed.events:
            return parsed.events
    raise AssertionError(f"of {event_type(event)} everything is refused")


def run(count: int, seed: int) -> tuple[Piped, Counter[str]]:
    """Send so many hostile events; the pipeline, and how many of each type were taken."""
    piped, taken = Piped(), Counter[str]()
    maker = Hostile(seed)
    while count > 0:
        batch = list(maker.events(min(BATCH, count)))
        count -= len(batch)
        # Two with one id would be a repetition; these are all new.
        parsed = parse("/v1/events", msgspec.json.encode({"events": batch}))
        taken.update(event_type(event) for event in parsed.events)
        piped.take(parsed.events)
        piped.wait(0.5)
        piped.points.clear()
    return piped, taken


def main() -> int:
    """Print what became of it; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    piped, taken = run(arguments.events, arguments.seed)
    off = differences(piped, taken)
    series = piped.exposed()
    sys.stdout.write(
        f"{arguments.events} events in {time.monotonic() - began:.0f} s, {taken.total()} taken, "
        f"{series} series of {CATALOGUE.most_series()} possible, totals off: {off or 'none'}\n"
    )
    return int(bool(off) or series > CATALOGUE.most_series())


def differences(piped: Piped, taken: Counter[str]) -> dict[str, float]:
    """The types of events whose counter is not the number of events taken."""
    counted = {kind: piped.total("exporter_events_accepted_total", type=kind) for kind in taken}
    repeated = piped.total("exporter_events_duplicate_total")
    off = {kind: counted[kind] - taken[kind] for kind in taken if counted[kind] != taken[kind]}
    return off if sum(off.values()) != -repeated else {}


if __name__ == "__main__":
    sys.exit(main())
