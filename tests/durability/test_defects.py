"""The proof can fail: an exporter that breaks a promise on purpose does not get through it."""

import sys
from pathlib import Path

import pytest

from tests.durability import defects
from tests.durability.processes import Exporter
from tests.durability.prove import Plan, Proof

PLAN = Plan(seed=7, kills=0, events=500, longest=0.8, workers=12, patience=2.0, settled=5.0)

FAULTS = {
    defects.acknowledges_before_the_record_is_on_disk: "kill",
    defects.knows_no_repeated_beacon: "stop",
    defects.forgets_the_end_of_the_journal_after_a_crash: "kill",
    defects.counts_no_repeats: "stop",
    defects.takes_an_error_of_the_sink_for_an_answer: "sink 500",
    defects.follows_the_wall_clock: "clock ahead",
    defects.forgets_the_plays_at_a_start: "kill",
    defects.forgets_who_was_there_at_a_start: "kill",
}


def test_each_defect_is_looked_for() -> None:
    assert {defect.__name__ for defect in FAULTS} == defects.DEFECTS.keys()


@pytest.mark.parametrize("defect", FAULTS, ids=lambda defect: defect.__name__)
async def test_an_exporter_with_a_defect_is_found_out(
    tmp_path: Path, defect: defects.Defect
) -> None:
    program = (sys.executable, "-m", "tests.durability.defects", defect.__name__)
    exporter = Exporter(tmp_path / "exporter", program=program)
    plan = PLAN._replace(faults={FAULTS[defect]})
    with pytest.raises(AssertionError, match=r"accepted|is and should be|came, and became|broken"):
        await unbroken(Proof(tmp_path, plan, exporter))


async def unbroken(proof: Proof) -> None:
    """Prove it; an assertion fails where that does not work out."""
    run = await proof.run()
    assert not run.figures.broken, f"broken: {run.figures.broken}"
