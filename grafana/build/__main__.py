"""``python -m grafana.build [FOLDER]``: write every dashboard; the default is where they live."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from grafana.build import (
    exporter,
    scoreboard,
    upload_experience,
    upload_performance,
    upload_realtime,
    upload_system,
)
from grafana.build.style import ROOT

MODULES: Final = (
    exporter,
    scoreboard,
    upload_experience,
    upload_performance,
    upload_realtime,
    upload_system,
)


def main(folder: Path) -> None:
    """Write the JSON of every dashboard below ``folder``."""
    for module in MODULES:
        board = module.BOARD
        path = folder / board.folder / f"{board.uid}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(board.render(), encoding="utf-8")
        sys.stdout.write(f"{path}\n")


main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "grafana" / "dashboards")
