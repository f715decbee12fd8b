"""Noticing what did not happen, with a lifecycle that is simpler than any real one."""

import math
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from exporter.event import Event, Moment, Patience, State, Step
from exporter.sessions import Sessions

PATIENCE = Patience(silence=10.0, settle=1.0, remember=100.0)


class Knocked(Event, frozen=True, kw_only=True, gc=False, tag="test.knocked"):
    """Somebody knocked."""

    door: str | None = None
    leaves: bool = False


class Waved(Event, frozen=True, kw_only=True, gc=False, tag="test.waved"):
    """Something that is about no door."""


class Left(Event, frozen=True, kw_only=True, gc=False, tag="test.left"):
    """Nobody knocked any more."""

    door: str
    knocks: int
    stamp: int


class Visit(State, gc=False, kw_only=True, omit_defaults=True):
    """What is remembered of a door."""

    door: str
    knocks: int = 0
    over: bool = False


class Visits:
    """A door is knocked at until nobody does for ten seconds; then it is remembered."""

    def __init__(self, name: str = "visits") -> None:
        self.name = name
        self.state = Visit
        self.silence = 10.0
        self.about = (Knocked,)

    def subject(self, event: Knocked) -> str | None:
        return event.door

    def saw(self, state: Visit | None, event: Knocked, moment: Moment) -> Step:
        if event.leaves:
            return Step(None)
        state = state or Visit(due=0.0, door=str(event.door))
        if not state.over:
            state.knocks += 1
            state.due = moment.now + moment.patience.silence
        return Step(state)

    def silent(self, state: Visit, moment: Moment) -> Step:
        if state.over:
            return Step(None)
        state.over = True
        state.due = moment.now + moment.patience.remember
        return Step(state, (Left(door=state.door, knocks=state.knocks, stamp=moment.stamp),))

    def is_open(self, state: Visit) -> bool:
        return not state.over


class Heard(Event, frozen=True, kw_only=True, gc=False, tag="test.heard"):
    """How often somebody knocked in two and a half seconds."""

    door: str
    knocks: int


class Doorbell(State, gc=False, kw_only=True, omit_defaults=True):
    """Knocks that are not told yet, and when the door is forgotten."""

    door: str
    knocks: int = 0
    forgotten: float = 0.0


class Doorbells:
    """Knocks are told together soon after the first of them; a door is known for long."""

    name = "doorbells"
    state = Doorbell
    silence = 100.0
    about = (Knocked,)

    def subject(self, event: Knocked) -> str | None:
        return event.door

    def saw(self, state: Doorbell | None, event: Knocked, moment: Moment) -> Step:
        state = state or Doorbell(due=0.0, door=str(event.door))
        state.forgotten = moment.now + moment.patience.silence
        if not state.knocks:
            state.due = moment.now + 2.5
        state.knocks += 1
        return Step(state)

    def silent(self, state: Doorbell, moment: Moment) -> Step:
        if not state.knocks:
            return Step(None)
        heard = Heard(door=state.door, knocks=state.knocks)
        state.knocks, state.due = 0, state.forgotten
        return Step(state, (heard,))

    def is_open(self, state: Doorbell) -> bool:
        return True


class Stamps:
    """Gives 1, 2, 3, …"""

    def __init__(self) -> None:
        self.last = 0

    def __call__(self) -> int:
        self.last += 1
        return self.last


@pytest.fixture
def stamps() -> Stamps:
    return Stamps()


@pytest.fixture
def sessions() -> Sessions:
    return Sessions([Visits()], {"visits": PATIENCE})


def knock(sessions: Sessions, door: str | None, now: float, stamps: Stamps) -> list[Event]:
    return [each for each, _ in sessions.saw(Knocked(door=door), now, stamps)]


def left(sessions: Sessions, now: float, stamps: Stamps) -> list[str]:
    return [each.door for each, _ in sessions.silent(now, stamps) if isinstance(each, Left)]


def counts(sessions: Sessions) -> tuple[int, int]:
    ((_, going_on, remembered),) = sessions.counts()
    return going_on, remembered


def test_silence_means_something_when_patience_ends_and_not_before(
    sessions: Sessions, stamps: Stamps
) -> None:
    assert sessions.next_due == math.inf
    knock(sessions, "a", 5.0, stamps)

    assert sessions.next_due == 15.0
    assert left(sessions, 14.999, stamps) == []
    assert left(sessions, 15.0, stamps) == ["a"]
    assert left(sessions, 16.0, stamps) == []


def test_a_sign_of_life_gives_new_patience(sessions: Sessions, stamps: Stamps) -> None:
    for second in range(0, 50, 5):
        knock(sessions, "a", float(second), stamps)
        assert left(sessions, float(second), stamps) == []

    assert left(sessions, 54.9, stamps) == []
    assert left(sessions, 55.0, stamps) == ["a"]


def test_who_is_due_first_ends_first_however_late_somebody_looks(
    sessions: Sessions, stamps: Stamps
) -> None:
    for door, now in (("c", 1.0), ("a", 2.0), ("b", 3.0)):
        knock(sessions, door, now, stamps)

    assert left(sessions, 1000.0, stamps)[:3] == ["c", "a", "b"]


def test_what_goes_on_and_what_is_remembered_is_counted(sessions: Sessions, stamps: Stamps) -> None:
    knock(sessions, "a", 0.0, stamps)
    knock(sessions, "b", 5.0, stamps)
    assert counts(sessions) == (2, 2)
    left(sessions, 10.0, stamps)
    assert counts(sessions) == (1, 2)
    left(sessions, 15.0, stamps)
    assert counts(sessions) == (0, 2)
    left(sessions, 110.0, stamps)
    assert counts(sessions) == (0, 1)
    left(sessions, 115.0, stamps)

    assert counts(sessions) == (0, 0)
    assert sessions.next_due == math.inf


def test_an_event_may_end_its_subject_at_once(sessions: Sessions, stamps: Stamps) -> None:
    knock(sessions, "a", 0.0, stamps)
    list(sessions.saw(Knocked(door="a", leaves=True), 1.0, stamps))
    list(sessions.saw(Knocked(door="never seen", leaves=True), 1.0, stamps))

    assert counts(sessions) == (0, 0)
    assert left(sessions, 100.0, stamps) == []
    assert [change[1:] for change in sessions.changed()] == [("a", None)]


def test_what_names_no_subject_and_what_is_not_its_business_change_nothing(
    sessions: Sessions, stamps: Stamps
) -> None:
    knock(sessions, None, 0.0, stamps)
    list(sessions.saw(Waved(), 0.0, stamps))

    assert counts(sessions) == (0, 0)
    assert stamps.last == 0


def test_two_lifecycles_may_follow_one_event(stamps: Stamps) -> None:
    both = Sessions(
        [Visits("short"), Visits("long")],
        {"short": PATIENCE, "long": PATIENCE._replace(silence=20.0)},
    )
    list(both.saw(Knocked(door="a"), 0.0, stamps))

    assert [each[:2] for each in both.counts()] == [("short", 1), ("long", 1)]
    assert left(both, 10.0, stamps) == ["a"]
    assert [each[:2] for each in both.counts()] == [("short", 0), ("long", 1)]
    assert left(both, 20.0, stamps) == ["a"]


def test_a_state_of_a_lifecycle_that_is_gone_is_an_error(stamps: Stamps) -> None:
    sessions = Sessions([Visits("old")], {})
    knock(sessions, "a", 0.0, stamps)
    saved = [(name, door, body) for name, door, body in sessions.changed() if body is not None]

    with pytest.raises(KeyError, match="old"):
        Sessions([Visits("new")], {}).restore(saved)


def test_who_is_due_first_ends_first_after_a_crash_as_well(
    sessions: Sessions, stamps: Stamps
) -> None:
    saved: dict[tuple[str, str], bytes] = {}
    for door, now in (("a", 0.0), ("b", 1.0), ("a", 2.0)):
        knock(sessions, door, now, stamps)
    keep(sessions, saved)
    assert left(sessions, 10.5, stamps) == []
    keep(sessions, saved)
    again = Sessions([Visits()], {"visits": PATIENCE})
    again.restore([(*key, body) for key, body in saved.items()])

    assert left(again, 50.0, stamps) == left(sessions, 50.0, stamps) == ["b", "a"]


def test_who_waits_now_for_seconds_and_now_for_long_is_not_queued_each_time(
    stamps: Stamps,
) -> None:
    sessions = Sessions([Doorbells()], {"doorbells": Patience(100.0)})
    told: list[float] = []
    for second in range(0, 1000, 5):
        told += [second for each in sessions.silent(float(second), stamps)]
        knock(sessions, "a", float(second), stamps)

    assert len(told) == 199
    assert sum(map(len, sessions._due._far.values())) <= 2
    assert [each for each, _ in sessions.silent(1094.9, stamps)] == [Heard(door="a", knocks=1)]
    assert counts(sessions) == (1, 1)
    assert list(sessions.silent(1095.0, stamps)) == []
    assert counts(sessions) == (0, 0)


class Moves(NamedTuple):
    """When somebody looks, at which door, whether he knocks, and whether that is saved."""

    now: float
    door: str
    knocks: bool
    saves: bool


@st.composite
def stories(draw: st.DrawFn) -> list[Moves]:
    pauses = st.sampled_from((0.0, 0.5, 2.5, 3.0, 9.5, 10.0, 40.0, 99.5, 101.0))
    now, story = 0.0, []
    for pause in draw(st.lists(pauses, max_size=40)):
        now += pause
        story.append(
            Moves(now, draw(st.sampled_from("abcd")), draw(st.booleans()), draw(st.booleans()))
        )
    # Nobody knocks again, so everything ends and is forgotten.
    return [*story, *(Moves(now + later, "a", False, False) for later in (200.0, 400.0))]


def move(sessions: Sessions, stamps: Stamps, to: Moves) -> list[Event]:
    """What silence has concluded by then; then the knock, if there is one."""
    concluded = [each for each, _ in sessions.silent(to.now, stamps)]
    if to.knocks:
        list(sessions.saw(Knocked(door=to.door), to.now, stamps))
    return concluded


@given(stories())
@bounded(max_examples=150)
def test_every_subject_ends_once_for_each_time_that_it_began(story: list[Moves]) -> None:
    sessions, stamps = Sessions([Visits()], {"visits": PATIENCE}), Stamps()
    began = ended = 0
    for to in story:
        ended += len(move(sessions, stamps, to))
        began = max(began, ended + counts(sessions)[0])

    assert ended == began
    assert counts(sessions) == (0, 0)
    assert sessions.next_due == math.inf


@given(stories(), st.data())
@bounded(max_examples=150)
def test_saved_at_any_moment_and_restored_it_concludes_the_same(
    story: list[Moves], data: st.DataObject
) -> None:
    crash = data.draw(st.integers(0, len(story)))
    whole, stamps = both(), Stamps()
    expected = [move(whole, stamps, to) for to in story]

    first, stamps = both(), Stamps()
    saved: dict[tuple[str, str], bytes] = {}
    found = []
    for to in story[:crash]:
        found.append(move(first, stamps, to))
        if to.saves:
            keep(first, saved)
    keep(first, saved)
    second = both()
    second.restore([(*key, body) for key, body in saved.items()])
    assert list(second.counts()) == list(first.counts())
    found += [move(second, stamps, to) for to in story[crash:]]

    assert found == expected
    assert list(second.counts()) == list(whole.counts())


def both() -> Sessions:
    """One lifecycle that waits longer and longer, and one that waits in turns."""
    return Sessions([Visits(), Doorbells()], {"visits": PATIENCE, "doorbells": Patience(100.0)})


def keep(sessions: Sessions, saved: dict[tuple[str, str], bytes]) -> None:
    """Take over what changed, as a state file does."""
    for name, door, body in sessions.changed():
        if body is None:
            saved.pop((name, door), None)
        else:
            saved[name, door] = body


# -- trials of A/B tests ---------------------------------------------------------------------


def test_a_conclusion_carries_the_trial_of_its_subject(sessions: Sessions, stamps: Stamps) -> None:
    sessions.saw(Knocked(door="a"), 0.0, stamps)
    sessions.saw(Knocked(door="a"), 1.0, stamps, "bell/loud")
    sessions.saw(Knocked(door="b"), 1.0, stamps)

    assert {each.door: trial for each, trial in sessions.silent(20.0, stamps)
            if isinstance(each, Left)} == {"a": "bell/loud", "b": None}  # fmt: skip


def test_a_trial_that_is_told_after_the_end_changes_nothing(
    sessions: Sessions, stamps: Stamps
) -> None:
    sessions.saw(Knocked(door="a"), 0.0, stamps, "bell/soft")
    list(sessions.silent(20.0, stamps))
    sessions.saw(Knocked(door="a"), 21.0, stamps, "bell/loud")
    ((_, _, body),) = sessions.changed()

    assert body is not None
    assert b"bell/soft" in body
    assert b"bell/loud" not in body
