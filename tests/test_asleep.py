"""What is put to sleep is what wakes up, in whatever room it slept."""

import random
from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exporter.asleep import EXAMPLES, LARGE, Asleep

SUBJECTS = st.sampled_from("abcdefghijkl")
STATES = st.dictionaries(
    st.sampled_from(("began", "facts", "played", "waiting")),
    st.one_of(st.floats(), st.text(max_size=200), st.lists(st.floats(), max_size=60)),
)
STEPS = st.lists(st.tuples(SUBJECTS, st.none() | STATES), max_size=60)
encode = msgspec.msgpack.encode


@given(STEPS)
def test_it_is_a_table_of_subjects_and_bodies(
    steps: Sequence[tuple[str, dict[str, object] | None]],
) -> None:
    asleep, table = Asleep(), dict[str, bytes]()
    for subject, state in steps:
        if state is None:
            asleep.remove(subject)
            table.pop(subject, None)
        else:
            table[subject] = encode(state)
            asleep.put(subject, table[subject])
        assert asleep.get(subject) == table.get(subject)

    assert dict(asleep.items()) == table
    assert len(asleep) == len(table)


def test_what_is_alike_takes_a_small_part_of_its_length() -> None:
    asleep, pick = Asleep(), random.Random(1)  # noqa: S311 - to be repeatable
    bodies = {
        f"play-{number}": encode(
            {
                "client": ["desktop", "chrome", "windows", "europe"],
                "played": [pick.random() * 100, *[-1.0] * 30],
                "repairs": dict.fromkeys(("epoch ttfb", "bare ec", "no states"), 0.0),
                "video": f"video-{pick.randrange(1000)}",
            }
        )
        for number in range(100)
    }
    for subject, body in bodies.items():
        asleep.put(subject, body)
    kept = sorted(map(len, asleep.stored.values()))

    assert dict(asleep.items()) == bodies
    assert min(map(len, bodies.values())) >= LARGE
    assert kept[-EXAMPLES] >= LARGE, "the examples are as they were"
    assert kept[-EXAMPLES - 1] < LARGE / 3


def test_what_is_short_is_kept_as_it_is() -> None:
    asleep = Asleep()
    bodies = {f"upload-{number}": encode({"id": f"upload-{number}"}) for number in range(100)}
    for subject, body in bodies.items():
        asleep.put(subject, body)

    assert asleep.stored == bodies
