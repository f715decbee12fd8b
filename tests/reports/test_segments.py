"""Who contributes most: far off, and large."""

import pytest

from exporter.reports.segments import Member, worst


def device(name: str, value: float, events: float) -> Member:
    return Member("device", name, value, events)


def test_a_large_member_that_is_somewhat_off_counts_more_than_a_tiny_one_that_is_far_off() -> None:
    found = worst(
        [device("mobile", 0.90, 500), device("desktop", 0.98, 490), device("tv", 0.10, 10)], 1, 10
    )

    assert found is not None
    assert found.member.member == "mobile"
    assert found.share == 0.5
    assert found.elsewhere == pytest.approx((0.98 * 490 + 0.10 * 10) / 500)
    assert found.gain == pytest.approx((found.elsewhere - 0.90) / 2)


def test_what_the_whole_would_be_is_exact_for_ratios() -> None:
    members = [device("mobile", 0.80, 100), device("desktop", 1.0, 300)]
    found = worst(members, 1, 10)

    assert found is not None
    assert 0.95 + found.gain == pytest.approx(1.0)


def test_where_lower_is_better_the_highest_is_worst() -> None:
    found = worst([device("mobile", 9.0, 100), device("desktop", 2.0, 100)], -1, 10)

    assert found is not None
    assert found.member.member == "mobile"
    assert found.gain == pytest.approx(3.5)


def test_a_member_with_too_few_events_is_never_named() -> None:
    assert worst([device("mobile", 0.1, 9), device("desktop", 0.9, 100)], 1, 10) is None
    assert worst([device("mobile", 0.1, 10), device("desktop", 0.9, 100)], 1, 10) is not None


def test_a_member_without_others_is_the_whole_and_tells_nothing() -> None:
    assert worst([device("mobile", 0.1, 100)], 1, 10) is None
    assert worst([], 1, 10) is None


def test_members_that_are_alike_are_nobodys_fault() -> None:
    assert worst([device("mobile", 0.5, 100), device("desktop", 0.5, 100)], 1, 10) is None


def test_segments_are_not_mixed() -> None:
    found = worst(
        [
            device("mobile", 0.90, 100),
            device("desktop", 0.95, 100),
            Member("network", "3g", 0.60, 100),
            Member("network", "wifi", 0.99, 100),
        ],
        1,
        10,
    )

    assert found is not None
    assert (found.member.segment, found.member.member) == ("network", "3g")
    assert found.elsewhere == 0.99
