"""What was seen before."""

import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from exporter.dedup import SHARDS, SIZE, Dedup, fingerprint

WINDOW = 7200.0
HALF = WINDOW / 2
ID = fingerprint("upload.completed", "e1")


def knows(dedup: Dedup, mark: bytes) -> bool:
    """Without asking, which would be seeing."""
    return any(mark in half[mark[0]] for half in (dedup._young, dedup._old))


def turned(dedup: Dedup, *times: float) -> None:
    for time in times:
        dedup.turn(time)


def test_the_first_time_is_the_first_and_no_other_is() -> None:
    dedup = Dedup(WINDOW)

    assert not knows(dedup, ID)
    assert [dedup.first(ID) for _ in range(3)] == [True, False, False]
    assert knows(dedup, ID)


def test_names_of_different_kinds_are_different() -> None:
    prints = {fingerprint(kind, name) for kind in ("a", "ab", "") for name in ("b", "", "bb")}

    assert len(prints) == 9
    assert {len(each) for each in prints} == {SIZE}


@pytest.mark.parametrize("began", [1.0, HALF - 1, HALF, HALF + 1])
def test_an_id_is_known_for_half_the_window_at_least_and_for_the_window_at_most(
    began: float,
) -> None:
    dedup = Dedup(WINDOW)
    turned(dedup, 0.5, began)
    dedup.first(ID)
    turned(dedup, *(began + step * HALF / 100 for step in range(1, 101)))
    assert knows(dedup, ID)

    turned(dedup, *(began + step * HALF / 100 for step in range(101, 201)))
    turned(dedup, began + WINDOW)
    assert not knows(dedup, ID)


def test_after_a_long_outage_what_came_last_is_known_for_half_a_window_more() -> None:
    dedup = Dedup(WINDOW)
    turned(dedup, 1.0)
    dedup.first(ID)
    back = 1.0 + 10 * WINDOW
    turned(dedup, back, back + HALF - 1)
    assert knows(dedup, ID)

    turned(dedup, back + HALF)
    assert not knows(dedup, ID)
    assert len(dedup) == 0


def test_memory_is_bounded_by_what_comes_in_a_window() -> None:
    dedup = Dedup(WINDOW)
    for step in range(10_000):
        dedup.turn(1.0 + step * WINDOW / 1000)
        dedup.first(fingerprint("kind", str(step)))

    assert 500 <= len(dedup) <= 1001


def test_ids_are_spread_over_the_shards() -> None:
    dedup = Dedup(WINDOW)
    for number in range(SHARDS * 20):
        dedup.first(fingerprint("kind", str(number)))
    sizes = [len(shard) for shard in dedup._young]

    assert min(sizes) > 0
    assert max(sizes) < 60


@given(
    st.lists(
        st.tuples(
            st.sampled_from((0.0, 1.0, HALF / 3, HALF, WINDOW, 3 * WINDOW)),
            st.integers(0, 5),
            st.booleans(),
        ),
        max_size=40,
    )
)
@bounded(max_examples=150)
def test_what_was_saved_and_restored_knows_the_same(
    steps: list[tuple[float, int, bool]],
) -> None:
    one = Dedup(WINDOW)
    saved: list[tuple[int, bytes]] = []
    now = 1.0
    for pause, number, checkpoint in steps:
        now += pause
        one.turn(now)
        one.first(fingerprint("kind", str(number)))
        if checkpoint:
            saved += one.fresh().items()
    saved += one.fresh().items()
    other = Dedup(WINDOW)
    other.restore(one.generation, one.turned, saved)

    marks = [fingerprint("kind", str(number)) for number in range(6)]
    for later in (0.0, HALF / 2, HALF, WINDOW):
        for dedup in (one, other):
            dedup.turn(now + later)
        assert [knows(one, mark) for mark in marks] == [knows(other, mark) for mark in marks]
        assert len(one) == len(other)
    assert [one.first(mark) for mark in marks] == [other.first(mark) for mark in marks]
