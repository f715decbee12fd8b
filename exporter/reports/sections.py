"""Parts that several reports share: KPIs, alerts, errors, devices, segments, budgets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import groupby

from exporter.reports.facts import SEVERITIES, Alarm, ErrorCount, Facts, Kpi
from exporter.reports.quantity import NOTHING, Quantity, Unit, change, title_of
from exporter.reports.report import Cell, Column, Mark, Plot, Report, Section, Table, Tone
from exporter.reports.segments import worst

MOST_ERRORS = 10
MOST_ALARMS = 50


def report(facts: Facts, name: str, title: str, sections: Iterable[Section]) -> Report:
    """A report of these sections, with the headline that all have."""
    period = facts.period
    return Report(
        name=name,
        title=title,
        begin=period.day(period.days),
        end=period.end,
        headline=tuple(headline(facts)),
        sections=tuple(sections),
    )


def headline(facts: Facts) -> Iterable[str]:
    """The score, how many KPIs are where they should be, and what fired."""
    score = facts.score
    if score.value is None:
        yield "There is no performance score: no KPI has data."
    else:
        yield (
            f"Performance score {Quantity(score.value, Unit.SCORE)}"
            f" (target {Quantity(score.target, Unit.SCORE)},"
            f" before {Quantity(score.before, Unit.SCORE)})."
        )
    days = len({day for kpi in facts.known for day in kpi.days if day < facts.period.days})
    if days < facts.period.days:
        yield f"Prometheus has data of {days} of the {facts.period.days} days."
    missed = sum(kpi.misses for kpi in facts.known)
    without = f"; {len(facts.missing)} without data" if facts.missing else ""
    yield f"{len(facts.known) - missed} of {len(facts.known)} KPIs meet their target{without}."
    yield _fired(facts.alarms)


def _fired(alarms: tuple[Alarm, ...]) -> str:
    if not alarms:
        return "No alert fired."
    counts = {
        severity: sum(alarm.severity == severity for alarm in alarms) for severity in SEVERITIES
    }
    shown = ", ".join(f"{count} {severity}" for severity, count in counts.items() if count)
    open_now = sum(alarm.end is None for alarm in alarms)
    return f"Alerts fired {len(alarms)} times ({shown}); {open_now or 'none'} still firing."


# -- KPIs ----------------------------------------------------------------------------------------

_OF_KPI = (Column("kpi", ""), Column("unit", ""), Column("title", "KPI"))


def _of_kpi(kpi: Kpi) -> tuple[Cell, ...]:
    return kpi.id, kpi.unit.value, kpi.title


def kpis(facts: Facts, chosen: Callable[[Kpi], bool] = lambda kpi: True) -> Iterable[Section]:
    """A table for each domain, of the KPIs with data, and the names of those without."""
    known = [kpi for kpi in facts.known if chosen(kpi)]
    for domain, alike in groupby(known, key=lambda kpi: kpi.domain):
        yield Section(f"kpis.{domain}", f"KPIs: {domain}", table=_table(facts, tuple(alike)))
    missing = [kpi for kpi in facts.missing if chosen(kpi)]
    if missing:
        yield _without_data(missing)
    if not known and not missing:
        yield Section("kpis", "KPIs", ("Prometheus knows of no such KPI.",))


def _without_data(missing: Iterable[Kpi]) -> Section:
    by_domain: dict[str, list[Kpi]] = defaultdict(list)
    for kpi in missing:
        by_domain[kpi.domain].append(kpi)
    return Section(
        "no_data",
        "Without data",
        tuple(
            f"{domain}: {', '.join(kpi.title for kpi in alike)}."
            for domain, alike in by_domain.items()
        ),
        Table(
            (Column("kpi", ""), Column("domain", "")),
            tuple((kpi.id, domain) for domain, alike in by_domain.items() for kpi in alike),
        ),
    )


def _table(facts: Facts, alike: tuple[Kpi, ...]) -> Table:
    day = facts.period.days == 1
    columns = (
        *_OF_KPI,
        Column("value", "Last day" if day else f"Last {facts.period.days} days"),
        Column("target", "Target"),
        Column("status", "Status"),
        Column("before", "Day before" if day else f"{facts.period.days} days before"),
        Column("change", "Change"),
        Column("week_before", "Week before" if day else ""),
        Column("change_week", "Change" if day else ""),
        Column("score", "Score"),
        Column("events", "Events"),
    )
    return Table(columns, tuple(_row(kpi) for kpi in alike))


def _row(kpi: Kpi) -> tuple[Cell, ...]:
    return (
        *_of_kpi(kpi),
        kpi.quantity(kpi.value),
        kpi.quantity(kpi.target),
        kpi.verdict,
        kpi.quantity(kpi.before),
        _trend(kpi, kpi.before),
        kpi.quantity(kpi.week_before),
        _trend(kpi, kpi.week_before),
        Quantity(kpi.score, Unit.SCORE),
        Quantity(kpi.events, Unit.COUNT),
    )


def _trend(kpi: Kpi, before: float | None) -> Mark:
    text = change(kpi.value, before, kpi.unit)
    if kpi.value is None or before is None or text == NOTHING or text.startswith("±"):
        return Mark(text, Tone.PLAIN)
    better = (kpi.value - before) * kpi.direction > 0
    return Mark(text, Tone.GOOD if better else Tone.WARN)


def day_by_day(facts: Facts, chosen: Callable[[Kpi], bool] = lambda kpi: True) -> Section:
    """Each KPI on each day, as a table and as plots."""
    known = [kpi for kpi in facts.known if chosen(kpi) and kpi.days]
    if not known:
        return Section("days", "Day by day", ("No such KPI has data.",))
    days = range(facts.period.days - 1, -1, -1)
    ends = {day: facts.period.day(day) for day in days}
    columns = (
        *_OF_KPI,
        *(Column(f"{ends[day]:%Y-%m-%d}", f"{ends[day]:%a} {ends[day].day}") for day in days),
    )
    return Section(
        "days",
        "Day by day",
        (f"Days of 24 hours that end at {facts.period.end:%H:%M}.",),
        Table(
            columns,
            tuple(
                (*_of_kpi(kpi), *(kpi.quantity(kpi.days.get(day)) for day in days)) for kpi in known
            ),
        ),
        tuple(
            Plot(
                kpi.title,
                kpi.unit,
                tuple((ends[day].timestamp(), kpi.days[day]) for day in days if day in kpi.days),
                kpi.target,
            )
            for kpi in known
        ),
    )


def course(facts: Facts, chosen: Callable[[Kpi], bool]) -> Section:
    """The score and some KPIs over the period, an hour at each point."""
    score = facts.score
    plots = [Plot("Performance score", Unit.SCORE, score.course, score.target)]
    plots += [
        Plot(kpi.title, kpi.unit, kpi.course, kpi.target) for kpi in facts.known if chosen(kpi)
    ]
    drawn = [plot for plot in plots if len(plot.points) > 1]
    says = () if drawn else ("There is nothing to draw: no series has two points.",)
    return Section("course", "Over time", says, plots=tuple(drawn))


# -- Alerts --------------------------------------------------------------------------------------


def alerts(facts: Facts) -> Section:
    """Each alert that fired, how often and how long."""
    groups: dict[tuple[str, str, str], list[Alarm]] = defaultdict(list)
    for alarm in facts.alarms:
        groups[alarm.name, alarm.severity, alarm.where].append(alarm)
    if not groups:
        return Section("alerts", "Alerts", ("None fired.",))
    columns = (
        Column("alert", "Alert"),
        Column("severity", "Severity"),
        Column("where", "Where"),
        Column("times", "Times"),
        Column("seconds", "For"),
        Column("last", "Last began"),
        Column("state", "Now"),
    )
    rows = tuple(
        (
            name,
            severity_mark(severity),
            where,
            Quantity(len(alarms), Unit.COUNT),
            Quantity(sum(alarm.seconds for alarm in alarms), Unit.SECONDS),
            alarms[-1].begin,
            _state(alarms[-1]),
        )
        for (name, severity, where), alarms in groups.items()
    )
    return Section("alerts", "Alerts", _cut(rows, MOST_ALARMS), Table(columns, rows[:MOST_ALARMS]))


def severity_mark(severity: str) -> Mark:
    """A severity, in its colour."""
    if severity in {"critical", "high"}:
        return Mark(severity, Tone.BAD)
    return Mark(severity, Tone.WARN if severity == "medium" else Tone.PLAIN)


def _state(alarm: Alarm) -> Mark:
    return Mark("over", Tone.GOOD) if alarm.end else Mark("firing", Tone.BAD)


def incidents(facts: Facts) -> Section:
    """Alerts of severity high and above, each time they fired, with the time to resolve."""
    grave = [alarm for alarm in facts.alarms if alarm.severity in {"critical", "high"}]
    if not grave:
        return Section("incidents", "Incidents", ("No alert of severity high or above fired.",))
    over = [alarm.seconds for alarm in grave if alarm.end]
    mean = Quantity(sum(over) / len(over) if over else None, Unit.SECONDS)
    columns = (
        Column("alert", "Incident"),
        Column("severity", "Severity"),
        Column("where", "Where"),
        Column("begin", "Began"),
        Column("end", "Over"),
        Column("seconds", "Took"),
        Column("state", "Now"),
    )
    rows = tuple(
        (
            alarm.name,
            severity_mark(alarm.severity),
            alarm.where,
            alarm.begin,
            alarm.end,
            Quantity(alarm.seconds, Unit.SECONDS),
            _state(alarm),
        )
        for alarm in sorted(grave, key=lambda alarm: alarm.begin, reverse=True)
    )
    says = (f"{len(grave)} incidents, {len(over)} of them over; mean time to resolve {mean}.",)
    return Section(
        "incidents",
        "Incidents",
        (*says, *_cut(rows, MOST_ALARMS)),
        Table(columns, rows[:MOST_ALARMS]),
    )


def _cut(rows: tuple[object, ...], most: int) -> tuple[str, ...]:
    return (f"The first {most} of {len(rows)}.",) if len(rows) > most else ()


# -- Errors, devices, segments -------------------------------------------------------------------


def top_errors(facts: Facts, most: int = MOST_ERRORS) -> Section:
    """The most frequent errors, with how many there were before."""
    met = [error for error in facts.errors if error.count]
    if not met:
        return Section("errors", "Top errors", ("None were counted.",))
    columns = (
        Column("domain", "Domain"),
        Column("error_type", "Error"),
        Column("count", "Count"),
        Column("before", "Before"),
        Column("change", "Change"),
        Column("new", "New"),
    )
    return Section(
        "errors",
        "Top errors",
        _cut(tuple(met), most),
        Table(columns, tuple(_error(error) for error in met[:most])),
    )


def _error(error: ErrorCount) -> tuple[Cell, ...]:
    more = error.count > error.before
    text = change(error.count, error.before, Unit.COUNT)
    same = error.count == error.before or text == NOTHING
    tone = Tone.PLAIN if same else Tone.WARN if more else Tone.GOOD
    return (
        error.domain,
        error.kind,
        Quantity(error.count, Unit.COUNT),
        Quantity(error.before, Unit.COUNT),
        Mark(text, tone),
        Mark("new", Tone.BAD) if error.new else "",
    )


def devices(facts: Facts) -> Section:
    """What happened on which kind of device."""
    if not facts.devices:
        return Section("devices", "Devices", ("Nothing that names a device was counted.",))
    columns = (
        Column("domain", "Domain"),
        Column("device", "Device"),
        Column("count", "Count"),
        Column("share", "Share"),
    )
    rows = tuple(
        (
            each.domain,
            each.device,
            Quantity(each.count, Unit.COUNT),
            Quantity(each.share, Unit.SHARE),
        )
        for each in facts.devices
    )
    return Section("devices", "Devices", table=Table(columns, rows))


def worst_segments(facts: Facts, chosen: Callable[[Kpi], bool] = lambda kpi: True) -> Section:
    """For each KPI the segment that takes most from it."""
    columns = (
        *_OF_KPI,
        Column("segment", "Segment"),
        Column("member", "Member"),
        Column("value", "There"),
        Column("elsewhere", "Elsewhere"),
        Column("whole", "Whole"),
        Column("share", "Share of events"),
        Column("gain", ""),
    )
    rows: list[tuple[Cell, ...]] = []
    for kpi in filter(chosen, facts.known):
        found = worst(kpi.members, kpi.direction, kpi.min_events)
        if found:
            row: tuple[Cell, ...] = (
                *_of_kpi(kpi),
                found.member.segment,
                found.member.member,
                kpi.quantity(found.member.value),
                kpi.quantity(found.elsewhere),
                kpi.quantity(kpi.value),
                Quantity(found.share, Unit.SHARE),
                kpi.quantity(found.gain),
            )
            rows.append(row)
    if not rows:
        nothing = "No segment with enough events is worse than the others."
        return Section("segments", "Worst segments", (nothing,))
    return Section("segments", "Worst segments", table=Table(columns, tuple(rows)))


# -- Service levels ------------------------------------------------------------------------------


def budgets(facts: Facts) -> Section:
    """What is left of the error budgets."""
    if not facts.budgets:
        nothing = "No error budget has a value: there were no events in its window."
        return Section("budgets", "Error budgets", (nothing,))
    windows = list(dict.fromkeys(window for each in facts.budgets for window in each.burn))
    windows.sort(key=lambda window: (window[-1] == "d", window[-1] == "h", int(window[:-1])))
    columns = (
        Column("kpi", ""),
        Column("title", "Objective"),
        Column("target", "Target"),
        Column("remaining", "Budget left"),
        Column("state", "State"),
        *(Column(f"burn_{window}", f"Burn {window}") for window in windows),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            each.kpi,
            title_of(each.kpi),
            Quantity(each.target, Unit.SHARE),
            Quantity(each.remaining, Unit.SHARE),
            _left(each.remaining),
            *(Quantity(each.burn.get(window), Unit.NUMBER) for window in windows),
        )
        for each in facts.budgets
    )
    says = (
        "The budget is what the target lets fail in 30 days; a burn rate of 1 spends it in just"
        " that time.",
    )
    return Section("budgets", "Error budgets", says, Table(columns, rows))


def _left(remaining: float) -> Mark:
    if remaining <= 0:
        return Mark("spent", Tone.BAD)
    return Mark("low", Tone.WARN) if remaining < 0.25 else Mark("good", Tone.GOOD)


def instances(facts: Facts) -> Section:
    """What Prometheus scrapes, and how often it answered."""
    columns = (Column("job", "Job"), Column("instance", "Instance"), Column("up", "Answered"))
    if not facts.instances:
        return Section("instances", "Scraped", ("Prometheus scraped nothing.",))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (each.job, each.instance, Quantity(each.up, Unit.SHARE)) for each in facts.instances
    )
    return Section("instances", "Scraped", table=Table(columns, rows))


def detail(facts: Facts, name: str, title: str) -> Iterable[Section]:
    """What InfluxDB adds, where it is configured."""
    found = facts.details.get(name)
    if isinstance(found, str):
        yield Section(name, title, (found,))
    elif found is not None and found.rows:
        yield Section(name, title, table=found)
    elif found is not None:
        yield Section(name, title, ("InfluxDB has nothing of this time.",))
