"""How many values clients may bring into tags, and that a crash forgets none of them."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.roster import GENERATION_SECONDS, Roster

WEEK = 2 * GENERATION_SECONDS

uses_of_values = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.floats(0, GENERATION_SECONDS)), max_size=60
)


def test_the_first_values_are_admitted_and_stay() -> None:
    roster = Roster(2)

    assert [roster.admits("video", value, 0.0) for value in "abcab"] == [True, True, False] + [
        True
    ] * 2


def test_each_tag_has_a_limit_of_its_own() -> None:
    roster = Roster(1)

    assert roster.admits("video", "a", 0.0)
    assert roster.admits("course", "a", 0.0)
    assert not roster.admits("course", "b", 0.0)


def test_who_was_there_before_a_flood_keeps_a_place() -> None:
    roster = Roster(3)
    assert roster.admits("video", "known", 0.0)
    for number in range(3):
        assert roster.admits("video", f"flood {number}", GENERATION_SECONDS)

    assert not roster.admits("video", "new", GENERATION_SECONDS)
    assert roster.admits("video", "known", GENERATION_SECONDS)


def test_a_value_that_nobody_uses_makes_room() -> None:
    roster = Roster(1)
    assert roster.admits("video", "old", 0.0)

    assert not roster.admits("video", "new", GENERATION_SECONDS - 1)
    assert roster.admits("video", "new", WEEK)
    assert not roster.admits("video", "old", WEEK)


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, GENERATION_SECONDS)), max_size=60)
)
def test_at_most_twice_the_limit_is_live(uses: list[tuple[str, float]]) -> None:
    roster, now, live = Roster(2), 0.0, dict[str, float]()
    for value, pause in uses:
        now += pause
        if roster.admits("video", value, now):
            live[value] = now // GENERATION_SECONDS
        latest = now // GENERATION_SECONDS
        assert sum(generation == latest for generation in live.values()) <= 4


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, GENERATION_SECONDS)), max_size=40),
    st.data(),
)
def test_one_that_was_restored_decides_like_one_that_went_on(
    uses: list[tuple[str, float]], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(uses)))
    whole, first, now = Roster(2), Roster(2), 0.0
    saved: list[tuple[int, str, str]] = []
    for value, pause in uses[:cut]:
        now += pause
        assert whole.admits("video", value, now) == first.admits("video", value, now)
        saved += first.fresh()
    second = Roster(2)
    second.restore([row for row in saved if row[0] >= first.oldest], now)
    for value, pause in uses[cut:]:
        now += pause
        assert whole.admits("video", value, now) == second.admits("video", value, now)
