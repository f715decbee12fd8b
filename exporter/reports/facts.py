"""What the answers of Prometheus mean: KPIs with their past, alerts with their times, errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import mul

from exporter.reports.quantity import Quantity, Unit, title_of, unit_of
from exporter.reports.questions import DAY, MINUTE, Answers, Found, Period, Series
from exporter.reports.report import Mark, Points, Table, Tone
from exporter.reports.segments import Member

SEVERITIES = ("critical", "high", "medium", "low", "info")
"""Gravest first."""

Days = Mapping[int, float]
"""A number for each day, by how many days before the end of the period it ended; 0 is the last."""


@dataclass(frozen=True, slots=True)
class Kpi:
    """A KPI in the period and before."""

    id: str
    domain: str
    direction: float = 1.0
    target: float | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    min_events: float = 0.0
    score: float | None = None
    value: float | None = None
    before: float | None = None
    """In as many days before the period."""

    week_before: float | None = None
    """In the same days of the week before."""

    events: float | None = None
    days: Days = field(default_factory=dict)
    course: Points = ()
    members: tuple[Member, ...] = ()

    @property
    def title(self) -> str:
        """Its id in words."""
        return title_of(self.id)

    @property
    def unit(self) -> Unit:
        """What its value counts."""
        return unit_of(self.id)

    def quantity(self, value: float | None) -> Quantity:
        """A value of it, with its unit."""
        return Quantity(value, self.unit)

    @property
    def shortfall(self) -> float | None:
        """How far it is on the wrong side of its target; negative on the right side."""
        if self.value is None or self.target is None:
            return None
        return (self.target - self.value) * self.direction

    @property
    def misses(self) -> bool:
        """Whether it is on the wrong side of its target."""
        return (self.shortfall or 0.0) > 0

    @property
    def verdict(self) -> Mark:
        """How it stands, in a word or two."""
        if self.value is None:
            return Mark("no data", Tone.PLAIN)
        if self.target is None:
            return Mark("no target", Tone.PLAIN)
        if self.events is not None and self.events < self.min_events:
            return Mark("too few events", Tone.PLAIN)
        crossed = [name for name in SEVERITIES if self._beyond(self.thresholds.get(name))]
        if crossed:
            return Mark(f"beyond {crossed[0]}", Tone.BAD)
        return Mark("misses target", Tone.WARN) if self.misses else Mark("on target", Tone.GOOD)

    def _beyond(self, threshold: float | None) -> bool:
        if threshold is None or self.value is None:
            return False
        return (threshold - self.value) * self.direction > 0


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alert that fired: from when, until when, or still."""

    name: str
    severity: str
    domain: str
    segment: str
    member: str
    begin: datetime
    end: datetime | None
    """None while it still fires."""

    seconds: float
    """How long, within the period."""

    @property
    def where(self) -> str:
        """Which part of its domain."""
        if self.segment in {"", "all"}:
            return self.domain
        return f"{self.domain}, {self.segment} {self.member}"


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """Errors of one type."""

    domain: str
    kind: str
    count: float
    before: float
    """In as many days before the period."""

    new: bool | None
    """Whether there was none in the 7 days before; None where nobody was counting then."""


@dataclass(frozen=True, slots=True)
class Share:
    """Things of one domain on one kind of device."""

    domain: str
    device: str
    count: float
    share: float


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of the failures that a target allows, and how fast it goes."""

    kpi: str
    target: float | None
    remaining: float
    burn: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Instance:
    """Something that Prometheus scrapes, and for which share of the period it answered."""

    job: str
    instance: str
    up: float


@dataclass(frozen=True, slots=True)
class Score:
    """The performance score of the platform, mean over the period."""

    value: float | None = None
    before: float | None = None
    target: float | None = None
    course: Points = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a report may speak of."""

    period: Period
    kpis: tuple[Kpi, ...] = ()
    score: Score = Score()
    alarms: tuple[Alarm, ...] = ()
    errors: tuple[ErrorCount, ...] = ()
    devices: tuple[Share, ...] = ()
    budgets: tuple[Budget, ...] = ()
    instances: tuple[Instance, ...] = ()
    details: Mapping[str, Table | str] = field(default_factory=dict)
    """What InfluxDB adds, by its name; a sentence where it could not be asked."""

    @property
    def known(self) -> tuple[Kpi, ...]:
        """KPIs with data."""
        return tuple(kpi for kpi in self.kpis if kpi.value is not None)

    @property
    def missing(self) -> tuple[Kpi, ...]:
        """KPIs without."""
        return tuple(kpi for kpi in self.kpis if kpi.value is None)


def facts(
    period: Period, answers: Answers, names: Found, details: Mapping[str, Table | str]
) -> Facts:
    """What the answers mean."""
    return Facts(
        period=period,
        kpis=_kpis(period, answers),
        score=Score(
            answers.number("performance"),
            answers.number("performance_before"),
            answers.number("performance_target"),
            next((each.points for each in answers["performance_course"]), ()),
        ),
        alarms=tuple(sorted(_alarms(period, answers["alarms"]), key=_gravest_first)),
        errors=tuple(sorted(_errors(answers, names), key=lambda each: -each.count)),
        devices=tuple(_devices(answers, names)),
        budgets=tuple(_budgets(answers)),
        instances=tuple(
            Instance(each.labels.get("job", ""), each.labels.get("instance", ""), each.value)
            for each in answers["up"]
        ),
        details=details,
    )


# -- KPIs ----------------------------------------------------------------------------------------


def _kpis(period: Period, answers: Answers) -> tuple[Kpi, ...]:
    days = {kpi: _by_day(period, points) for kpi, points in _courses(answers["days"])}
    events = {kpi: _by_day(period, points) for kpi, points in _courses(answers["events"])}
    courses = dict(_courses(answers["course"]))
    targets, directions = answers.by_kpi("target"), answers.by_kpi("direction")
    recorded, scores = answers.by_kpi("value"), answers.by_kpi("score")
    least, members = answers.by_kpi("min_events"), _members(answers)
    thresholds: dict[str, dict[str, float]] = defaultdict(dict)
    for each in answers["threshold"]:
        thresholds[each.labels["kpi"]][each.labels["severity"]] = each.value
    found = []
    for kpi in targets.keys() | days.keys():
        of_kpi, counted = days.get(kpi, {}), events.get(kpi, {})
        mean = _Mean(of_kpi, counted, period.days)
        found.append(
            Kpi(
                id=kpi,
                domain=answers.domains.get(kpi, kpi.partition("_")[0]),
                direction=directions.get(kpi, 1.0),
                target=targets.get(kpi),
                thresholds=thresholds[kpi],
                min_events=least.get(kpi, 0.0),
                score=scores.get(kpi),
                value=recorded.get(kpi, mean.since(0)),
                before=mean.since(period.days),
                week_before=mean.since(7),
                events=sum(counted.get(day, 0.0) for day in range(period.days))
                if counted
                else None,
                days=of_kpi,
                course=courses.get(kpi, ()),
                members=tuple(members[kpi]),
            )
        )
    return tuple(sorted(found, key=lambda each: (each.domain, each.id)))


@dataclass(frozen=True, slots=True)
class _Mean:
    """Means over days that are weighted by their events, which makes them ratios of sums."""

    days: Days
    events: Days
    length: int

    def since(self, back: int) -> float | None:
        """Over as many days as the period has, that many days back."""
        found = [day for day in range(back, back + self.length) if day in self.days]
        weights = [self.events.get(day, 0.0) if self.events else 1.0 for day in found]
        if not found:
            return None
        if sum(weights) <= 0:
            weights = [1.0] * len(found)
        values = (self.days[day] * weight for day, weight in zip(found, weights, strict=True))
        return sum(values) / sum(weights)


def _courses(answer: Iterable[Series]) -> Iterator[tuple[str, Points]]:
    for each in answer:
        if "kpi" in each.labels:
            yield each.labels["kpi"], each.points


def _by_day(period: Period, points: Points) -> Days:
    return {round((period.last - at) / DAY): value for at, value in points}


def _members(answers: Answers) -> Mapping[str, list[Member]]:
    def key(labels: Mapping[str, str]) -> tuple[str, str, str]:
        return labels["kpi"], labels["segment"], labels["member"]

    events = {key(each.labels): dict(each.points) for each in answers["member_events"]}
    found: dict[str, list[Member]] = defaultdict(list)
    for each in answers["member_value"]:
        kpi, segment, member = key(each.labels)
        counted = events.get((kpi, segment, member), {})
        weights = [counted.get(at, 0.0) for at, _ in each.points]
        if whole := sum(weights):
            values = (value for _, value in each.points)
            value = sum(map(mul, values, weights)) / whole
            found[kpi].append(Member(segment, member, value, whole))
    return found


# -- Alerts --------------------------------------------------------------------------------------


def _alarms(period: Period, answer: Iterable[Series]) -> Iterator[Alarm]:
    zone = period.end.tzinfo
    for each in answer:
        for begin, end in _spells([at for at, _ in each.points]):
            fires = end >= period.last - MINUTE
            yield Alarm(
                name=each.labels["alertname"],
                severity=each.labels.get("severity", ""),
                domain=each.labels.get("domain", ""),
                segment=each.labels.get("segment", ""),
                member=each.labels.get("member", ""),
                begin=datetime.fromtimestamp(begin, zone),
                end=None if fires else datetime.fromtimestamp(end + MINUTE, zone),
                seconds=max(min(end + MINUTE, period.last) - begin, MINUTE),
            )


def _spells(times: list[float]) -> Iterator[tuple[float, float]]:
    """First and last of each run of minutes without a gap."""
    begin = last = times[0]
    for at in times[1:]:
        if at - last > 1.5 * MINUTE:
            yield begin, last
            begin = at
        last = at
    yield begin, last


def _gravest_first(alarm: Alarm) -> tuple[int, float]:
    known = alarm.severity in SEVERITIES
    grade = SEVERITIES.index(alarm.severity) if known else len(SEVERITIES)
    return grade, alarm.begin.timestamp()


# -- Counters ------------------------------------------------------------------------------------


def _errors(answers: Answers, names: Found) -> Iterator[ErrorCount]:
    for name in names.errors:
        before, history = (
            {each.labels["error_type"]: each.value for each in answers[f"{which} {name}"]}
            for which in ("errors_before", "errors_history")
        )
        known = bool(answers[f"errors_known {name}"])
        for each in answers[f"errors {name}"]:
            kind, count = each.labels["error_type"], round(each.value)
            if count or round(before.get(kind, 0.0)):
                new = count > 0 and round(history.get(kind, 0.0)) == 0
                yield ErrorCount(
                    domain=name.removeprefix("video_").removesuffix("_errors_total"),
                    kind=kind,
                    count=count,
                    before=round(before.get(kind, 0.0)),
                    new=new if known else None,
                )


def _devices(answers: Answers, names: Found) -> Iterator[Share]:
    for name in names.devices:
        counts = {each.labels["device"]: each.value for each in answers[f"devices {name}"]}
        whole = sum(counts.values())
        domain = name.removeprefix("video_").partition("_")[0]
        for device, count in sorted(counts.items(), key=lambda each: -each[1]):
            if round(count):
                yield Share(domain, device, round(count), count / whole)


def _budgets(answers: Answers) -> Iterator[Budget]:
    targets = answers.by_kpi("target")
    for each in answers["budget"]:
        kpi = each.labels["kpi"]
        burn = {
            other.labels["window"]: other.value
            for other in answers["burn"]
            if other.labels["kpi"] == kpi
        }
        yield Budget(kpi, targets.get(kpi), each.value, burn)
