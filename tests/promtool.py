"""The program that checks and tests rules, as Prometheus ships it."""

import subprocess
from pathlib import Path

from tests.programs import binary


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool to its end; what it says and its code are for the caller to judge."""
    return subprocess.run(
        [binary("promtool", "prometheus"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
