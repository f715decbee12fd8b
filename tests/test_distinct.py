"""Counting people without remembering them: errors as published, and unions."""

from statistics import fmean

import pytest

from exporter import distinct


def crowd(name: str, size: int) -> bytearray:
    registers = distinct.empty()
    for number in range(size):
        distinct.add(registers, f"{name}-{number}")
    return registers


@pytest.mark.parametrize("size", [0, 1, 10, 100, 1000])
def test_few_people_are_counted_nearly_exactly(size: int) -> None:
    assert distinct.estimate(crowd("few", size)) == pytest.approx(size, rel=0.01, abs=0.05)


def test_many_people_are_counted_within_two_per_cent() -> None:
    errors = [
        abs(distinct.estimate(crowd(name, size)) / size - 1)
        for name in ("a", "b", "c")
        for size in (30_000, 41_000, 120_000)
    ]

    assert max(errors) < 0.02
    assert fmean(errors) < 0.0057


def test_who_comes_again_changes_nothing() -> None:
    registers = crowd("again", 500)
    before = bytes(registers)

    assert not any(distinct.add(registers, f"again-{number}") for number in range(500))
    assert registers == before


def test_a_union_is_what_one_would_have_counted_at_once() -> None:
    everybody = [f"p{number}" for number in range(3000)]
    parts = [distinct.empty() for _ in range(3)]
    whole = distinct.empty()
    for place, person in enumerate(everybody):
        distinct.add(parts[place % 3], person)
        distinct.add(whole, person)

    assert distinct.union(*parts) == whole
    assert distinct.union(parts[0]) == parts[0]


def test_a_union_takes_the_greater_of_each_two_registers() -> None:
    ranks = range(51)
    pairs = [(one, other) for one in ranks for other in ranks]
    rest = distinct.REGISTERS - len(pairs)
    one, other = (bytes(ranks) + bytes(rest) for ranks in zip(*pairs, strict=True))

    assert distinct.union(one, other) == bytes(map(max, one, other))


def test_those_in_both_are_found_by_inclusion_and_exclusion() -> None:
    one, other = distinct.empty(), distinct.empty()
    for number in range(1000):
        distinct.add(one, f"p{number}")
        distinct.add(other, f"p{number + 150}")

    assert distinct.both(one, other) == pytest.approx(850, rel=0.02)
    assert distinct.both(one, distinct.empty()) == pytest.approx(0, abs=1e-6)
