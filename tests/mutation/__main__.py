"""``python -m tests.mutation [upload ...]``: does any test notice what could be wrong in an alert?

Without names, of every file of rules/.
"""

import argparse
import resource
import sys
import time
from pathlib import Path

from tests.mutation.allowed import Allowed
from tests.mutation.trial import Court, mutants, trials

ROOT = Path(__file__).parents[2]


def main() -> int:
    """Print what no test notices; the exit code says whether there is any."""
    stems = sorted(path.stem for path in (ROOT / "rules").glob("*.yml"))
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("files", nargs="*", choices=[[], *stems], metavar="file")
    files = [ROOT / "rules" / f"{stem}.yml" for stem in parser.parse_args().files or stems]
    began = time.monotonic()
    everything = mutants(files)
    court = Court(everything)
    court.hold(trials(sorted((ROOT / "tests" / "rules").glob("*_test.yml"))))
    allowed = Allowed.read(Path(__file__).with_name("equivalent.yml"))
    faults = allowed.faults(everything, court.survivors)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    changed = [mutant for mutant in everything if mutant.what]
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    sys.stdout.write(
        f"{len(everything) - len(changed)} alerts, {len(changed)} mutants, "
        f"{len(court.survivors)} not noticed, {len(faults)} of them faults; "
        f"{court.runs} runs of promtool, {time.monotonic() - began:.0f} s, "
        f"of CPU {used.ru_utime + used.ru_stime:.0f} s\n"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
