"""What a report consists of, whatever it is about and however it is printed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from exporter.reports.quantity import Quantity, Unit


class Tone(StrEnum):
    """Whether something is good, to be looked at, or bad."""

    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    PLAIN = "plain"


class Mark(NamedTuple):
    """A verdict: a few words that may be coloured."""

    text: str
    tone: Tone

    def __str__(self) -> str:
        return self.text


Cell = str | Quantity | Mark | datetime | None


class Column(NamedTuple):
    """A column: its name for machines, and its title for people, empty where it is not for them."""

    id: str
    title: str

    @property
    def for_people(self) -> bool:
        """Whether it is printed; what is not is in JSON and CSV alone."""
        return bool(self.title)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; all rows have the cells of all columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def printed(self) -> Iterator[tuple[Cell, ...]]:
        """The rows with the cells that are for people."""
        for row in self.rows:
            yield tuple(
                cell for column, cell in zip(self.columns, row, strict=True) if column.for_people
            )

    @property
    def titles(self) -> tuple[str, ...]:
        """The titles of what :meth:`printed` gives."""
        return tuple(column.title for column in self.columns if column.for_people)


Points = tuple[tuple[float, float], ...]
"""Unix time and value, oldest first."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A value over time, with the line that it should not cross."""

    title: str
    unit: Unit
    points: Points
    target: float | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report: sentences, a table, plots; any of them may be absent."""

    id: str
    title: str
    says: tuple[str, ...] = ()
    table: Table | None = None
    plots: tuple[Plot, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A report. Times carry the zone in which they are shown."""

    name: str
    title: str
    begin: datetime
    end: datetime
    headline: tuple[str, ...]
    sections: tuple[Section, ...]


def moment(at: datetime) -> str:
    """A time as reports show it: to the minute, in the report's zone."""
    return f"{at:%a} {at.day} {at:%b %H:%M}"


def words(cell: Cell) -> str:
    """A cell as people read it."""
    if cell is None:
        return ""
    return moment(cell) if isinstance(cell, datetime) else str(cell)
