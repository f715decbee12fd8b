"""The short form of ``python -m tests.fuzz``."""

import random
from pathlib import Path

import pytest

from exporter.formats.format import Sender
from tests.fuzz import by_schema, seeds
from tests.fuzz.__main__ import fuzz
from tests.fuzz.nasty import Mutator
from tests.fuzz.oracle import Oracle
from tests.fuzz.signing import signed
from tests.pipelines import START

CHANGED = 250
"""Bodies that are tried of each format."""


@pytest.mark.parametrize("name", seeds.names())
def test_changed_bodies_are_taken_or_refused(name: str) -> None:
    pick = random.Random(name)  # noqa: S311 - to be repeatable
    oracle, mutator = Oracle(), Mutator(pick, seeds.words(name))
    begun = list(seeds.of(name))
    for _ in range(CHANGED):
        seed = pick.choice(begun)
        form, body = seeds.EVERY[seed.path], mutator.body(seed.body)
        taken = oracle.taken
        headers = signed(seed.path, body, {}, START) if form.signed else {}
        oracle.take(form, body, Sender(seed.path, most_events=500, headers=headers, at=START))
        if oracle.taken > taken:
            begun.append(seed._replace(body=body))
    oracle.look()

    assert min(oracle.taken, oracle.refused) > CHANGED / 50


def test_a_fuzzer_that_sees_the_code_finds_nothing_in_seconds(tmp_path: Path) -> None:
    done = fuzz("webhooks", 3, seed=1, crashes=tmp_path)

    assert not done.failed, done.said[-2000:]
    assert done.runs > 20
    assert done.edges > 100, "it sees which code is reached"


def test_a_fuzzer_that_cannot_run_has_not_found_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fuzz.__main__.TARGET", "tests.fuzz.no_target")
    done = fuzz("webhooks", 1, seed=1, crashes=tmp_path)

    assert done.failed
    assert "no_target" in done.said


async def test_what_the_schema_allows_is_accepted_and_what_it_forbids_is_answered(
    tmp_path: Path,
) -> None:
    sent = await by_schema.run(examples=2, seed=1, folder=tmp_path)

    assert sent.faults == []
    assert sent.answers["allowed"][202] >= 66, "of every type"
    assert sent.answers["forbidden"][400] > 30
