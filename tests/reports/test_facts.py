"""What answers mean, one thing at a time; the whole is asked of a real Prometheus elsewhere."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from exporter.reports.facts import Alarm, Facts, Kpi, facts
from exporter.reports.questions import DAY, HOUR, MINUTE, Answers, Found, Period, Series

END = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)
LAST = END.timestamp()
KPI = {"kpi": "upload_success_ratio"}


def series(labels: Mapping[str, str], *points: tuple[float, float]) -> Series:
    """A series by how many seconds before the end its points lie, oldest first."""
    return Series(labels, tuple((LAST - before, value) for before, value in points))


def days(values: Sequence[float | None]) -> tuple[tuple[float, float], ...]:
    """Points at the ends of days, the last day first."""
    found = [(back * DAY, value) for back, value in enumerate(values) if value is not None]
    return tuple(reversed(found))


def told(length: int = 1, **said: list[Series]) -> Facts:
    return facts(Period(END, length), Answers(said), Found(), {})


def kpi(length: int = 1, **said: list[Series]) -> Kpi:
    (found,) = told(length, **said).kpis
    return found


def test_a_day_is_itself() -> None:
    found = kpi(days=[series(KPI, *days([0.9, 0.8, None, None, None, None, None, 0.7]))])

    assert (found.value, found.before, found.week_before) == (0.9, 0.8, 0.7)


def test_a_day_that_is_missing_is_missing_and_no_other_takes_its_place() -> None:
    found = kpi(days=[series(KPI, *days([None, 0.8]))], target=[series(KPI, (0, 0.98))])

    assert found.value is None
    assert found.before == 0.8
    assert found.verdict.text == "no data"
    assert not found.misses


def test_several_days_count_by_their_events() -> None:
    found = kpi(
        7,
        days=[series(KPI, *days([1.0, 0.5, None, *[0.8] * 6]))],
        events=[series(KPI, *days([10, 30, 50, 0, 0, 0, 0, 5, 15]))],
    )

    # Days without a value count for nothing, neither do days without events.
    assert found.value == pytest.approx((1.0 * 10 + 0.5 * 30) / 40)
    assert found.before == pytest.approx(0.8)
    assert found.events == 90


def test_several_days_without_known_events_count_alike() -> None:
    found = kpi(7, days=[series(KPI, *days([1.0, 0.5]))])

    assert found.value == 0.75
    assert found.events is None


def test_what_the_rules_record_for_the_whole_time_wins() -> None:
    found = kpi(7, days=[series(KPI, *days([1.0, 0.5]))], value=[series(KPI, (0, 0.6))])

    assert found.value == 0.6


@pytest.mark.parametrize(
    ("value", "direction", "events", "verdict"),
    [
        (0.99, 1, 100, "on target"),
        (0.98, 1, 100, "on target"),
        (0.97, 1, 100, "misses target"),
        (0.95, 1, 100, "misses target"),
        (0.94, 1, 100, "beyond high"),
        (0.80, 1, 100, "beyond critical"),
        (0.80, 1, 9, "too few events"),
        (0.80, 1, 10, "beyond critical"),
        (0.99, -1, 100, "beyond critical"),
    ],
)
def test_the_verdict(value: float, direction: float, events: float, verdict: str) -> None:
    found = kpi(
        days=[series(KPI, *days([value]))],
        events=[series(KPI, *days([events]))],
        target=[series(KPI, (0, 0.98))],
        direction=[series(KPI, (0, direction))],
        min_events=[series(KPI, (0, 10))],
        threshold=[
            series({**KPI, "severity": "critical"}, (0, 0.90)),
            series({**KPI, "severity": "high"}, (0, 0.95)),
        ],
    )

    assert found.verdict.text == verdict


def test_a_threshold_that_is_switched_off_is_never_passed() -> None:
    found = kpi(
        days=[series(KPI, *days([0.5]))],
        target=[series(KPI, (0, 0.98))],
        threshold=[series({**KPI, "severity": "critical"}, (0, float("nan")))],
    )

    assert found.verdict.text == "misses target"


def test_the_hours_of_a_segment_count_by_their_events() -> None:
    labels = {**KPI, "segment": "device", "member": "tv", "window": "1h"}
    found = kpi(
        target=[series(KPI, (0, 0.98))],
        member_value=[series(labels, (2 * HOUR, 0.5), (0, 0.9))],
        member_events=[series(labels, (2 * HOUR, 30), (HOUR, 1000), (0, 10))],
    )
    (member,) = found.members

    assert member.value == pytest.approx((0.5 * 30 + 0.9 * 10) / 40)
    assert member.events == 40


def test_a_kpi_that_no_rule_tells_the_domain_of_is_of_its_first_word() -> None:
    assert kpi(days=[series(KPI, *days([1.0]))]).domain == "upload"
    found = facts(
        Period(END, 1),
        Answers({"target": [series(KPI, (0, 1))]}, {KPI["kpi"]: "films"}),
        Found(),
        {},
    )
    assert found.kpis[0].domain == "films"


# -- Alerts ----------------------------------------------------------------------------------------


def alarms(*minutes: int) -> tuple[Alarm, ...]:
    labels = {"alertname": "X", "severity": "high", "domain": "upload"}
    return told(alarms=[series(labels, *((each * MINUTE, 1.0) for each in minutes))]).alarms


def test_minutes_without_a_gap_are_one_alert_and_a_gap_ends_it() -> None:
    found = alarms(100, 99, 98, 50, 49)

    assert [(each.begin, each.end, each.seconds) for each in found] == [
        (END - timedelta(minutes=100), END - timedelta(minutes=97), 180),
        (END - timedelta(minutes=50), END - timedelta(minutes=48), 120),
    ]


def test_an_alert_of_the_last_minute_still_fires() -> None:
    (still,) = alarms(3, 2, 1, 0)
    (new,) = alarms(0)
    (over,) = alarms(3, 2)

    assert (still.end, still.seconds) == (None, 180)
    assert (new.end, new.seconds) == (None, 60)
    assert over.end == END - timedelta(minutes=1)


def test_where_an_alert_is() -> None:
    def where(**labels: str) -> str:
        named = {"alertname": "X", "severity": "low", **labels}
        (alarm,) = told(alarms=[series(named, (0, 1.0))]).alarms
        return alarm.where

    assert where(domain="upload", segment="all", member="all") == "upload"
    assert where(domain="upload", segment="device", member="tv") == "upload, device tv"
    assert where(domain="exporter") == "exporter"


# -- Counters --------------------------------------------------------------------------------------


def errors(now: float, before: float, history: float, *, known: bool = True) -> Facts:
    name = "video_upload_errors_total"
    kind = {"error_type": "timeout"}
    said = {
        f"errors {name}": [series(kind, (0, now))],
        f"errors_before {name}": [series(kind, (0, before))],
        f"errors_history {name}": [series(kind, (0, history))],
        f"errors_known {name}": [series({}, (0, 1))] if known else [],
    }
    return facts(Period(END, 1), Answers(said), Found(errors=(name,)), {})


def test_an_error_is_new_where_there_was_none_in_the_week_before_and_somebody_counted() -> None:
    assert [each.new for each in errors(3.0001, 0, 0).errors] == [True]
    assert [each.new for each in errors(3, 0, 1).errors] == [False]
    assert [each.new for each in errors(3, 0, 0, known=False).errors] == [None]
    assert [each.new for each in errors(0, 3, 3).errors] == [False]
    assert errors(0, 0, 9).errors == ()


def test_counts_are_whole_although_increase_guesses() -> None:
    (found,) = errors(2.9994, 1.0004, 5).errors

    assert (found.count, found.before, found.domain) == (3, 1, "upload")
