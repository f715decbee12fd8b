"""What Prometheus is asked for a report: generic series only, never a list of KPIs.

Questions are the same for all reports; a report differs by how many days it looks at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

DAY: Final = 86_400
HOUR: Final = 3600
MINUTE: Final = 60

Answer = list["Series"]


class Series(NamedTuple):
    """Labels and points (time and value), oldest first; an instant has one point."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def value(self) -> float:
        """The newest value."""
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Question:
    """An expression at a moment, or over a time where ``step`` is set."""

    expr: str
    end: float
    begin: float = 0.0
    step: float = 0.0


@dataclass(frozen=True, slots=True)
class Period:
    """The days that a report looks at, up to a moment."""

    end: datetime
    days: int

    @property
    def last(self) -> float:
        """Its end in Unix time."""
        return self.end.timestamp()

    @property
    def first(self) -> float:
        """Its beginning in Unix time."""
        return self.last - self.days * DAY

    def day(self, back: int) -> datetime:
        """So many days of 24 hours before its end, in its zone."""
        return datetime.fromtimestamp(self.last - back * DAY, self.end.tzinfo)

    @property
    def history_days(self) -> int:
        """How many days back single days are compared with."""
        return max(2 * self.days - 1, 7)


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to ask about; names of counters."""

    errors: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said to each question, by its name."""

    said: Mapping[str, Answer]
    domains: Mapping[str, str] = field(default_factory=dict)
    """Of KPIs, where the rules that record them tell."""

    def __getitem__(self, name: str) -> Answer:
        return self.said.get(name, [])

    def number(self, name: str) -> float | None:
        """The one value that there is, if there is one."""
        return next((series.value for series in self[name]), None)

    def by_kpi(self, name: str) -> dict[str, float]:
        """Values by the KPI that they are about."""
        return {each.labels["kpi"]: each.value for each in self[name] if "kpi" in each.labels}


ERRORS: Final = 'count by (__name__) ({__name__=~"video_.+_errors_total", error_type!=""})'
_BY_DEVICE: Final = "video_.+_(ended|ended_by_device|sessions)_total"
DEVICES: Final = f'count by (__name__) ({{__name__=~"{_BY_DEVICE}", device!=""}})'
ALARMS: Final = (
    'ALERTS{alertstate="firing", severity!="none", alertname!~".+DailySummary|.+WeeklyTrend"}'
)


def found(answers: Mapping[str, Answer]) -> Found:
    """The names in the answers to :data:`ERRORS` and :data:`DEVICES`."""
    return Found(
        **{
            name: tuple(sorted(series.labels["__name__"] for series in answer))
            for name, answer in answers.items()
        }
    )


def questions(period: Period, names: Found) -> dict[str, Question]:
    """Everything that is asked, by name."""
    last = period.last
    return {
        **{name: Question(expr, last) for name, expr in _instants(period)},
        **_ranges(period),
        **_counters(period, names),
    }


def _instants(period: Period) -> Iterator[tuple[str, str]]:
    days = f"{period.days}d"
    for name in ("target", "direction", "min_events", "threshold"):
        yield name, f"kpi:{name}"
    yield "value", f'kpi:value{{window="{days}"}}'
    yield "score", f"avg_over_time(kpi:score[{days}])"
    yield "performance", f"avg_over_time(platform:performance_score[{days}])"
    yield "performance_before", f"avg_over_time(platform:performance_score[{days}] offset {days})"
    yield "performance_target", "platform:performance_target"
    yield "budget", "slo:error_budget_remaining:ratio"
    yield "burn", "slo:burn_rate:ratio"
    yield "up", f"avg_over_time(up[{days}])"


def _ranges(period: Period) -> dict[str, Question]:
    last = period.last
    oldest = last - period.history_days * DAY
    hour = 'kpi:value{window="1h"}'
    # Hours that lie end to end up to the end of the period.
    hours = {"end": last, "begin": period.first + HOUR, "step": HOUR}
    segments = {
        "member_value": Question('kpi:segment_value{window="1h"}', **hours),
        "member_events": Question('kpi:segment_events{window="1h"}', **hours),
    }
    return {
        # Of longer periods they would be many numbers that no report shows.
        **(segments if period.days <= 7 else {}),
        "days": Question('kpi:value{window="1d"}', last, oldest, DAY),
        "events": Question('kpi:events{window="1d"}', last, oldest, DAY),
        "course": Question(hour, last, period.first, HOUR if period.days <= 7 else 6 * HOUR),
        "performance_course": Question("platform:performance_score", last, period.first, HOUR),
        "alarms": Question(ALARMS, last, period.first, MINUTE),
    }


def _counters(period: Period, names: Found) -> dict[str, Question]:
    last, days = period.last, period.days
    asked: dict[str, str] = {}
    for name in names.errors:
        by = "sum by (error_type)"
        asked[f"errors {name}"] = f"{by} (increase({name}[{days}d]))"
        asked[f"errors_before {name}"] = f"{by} (increase({name}[{days}d] offset {days}d))"
        asked[f"errors_history {name}"] = f"{by} (increase({name}[7d] offset {days}d))"
        # Whether there was anything a week before, so that "never" means something.
        asked[f"errors_known {name}"] = f"count(count_over_time({name}[1d] offset {days + 6}d))"
    for name in names.devices:
        asked[f"devices {name}"] = f"sum by (device) (increase({name}[{days}d]))"
    return {name: Question(expr, last) for name, expr in asked.items()}


def parts(question: Question, most_points: int) -> Iterable[Question]:
    """A question over a long time as several over shorter ones."""
    begin = question.begin
    while begin <= question.end:
        end = min(begin + (most_points - 1) * question.step, question.end)
        yield Question(question.expr, end, begin, question.step)
        begin = end + question.step
