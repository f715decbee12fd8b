"""``python -m grafana.build [FOLDER]``: write every dashboard; the default is where they live."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import grafana.build
from grafana.build.style import ROOT, Board


def boards() -> Iterator[Board]:
    """The dashboard of every module that has one."""
    for module in pkgutil.iter_modules(grafana.build.__path__):
        if not module.name.startswith("_"):
            board = getattr(importlib.import_module(f"grafana.build.{module.name}"), "BOARD", None)
            if board is not None:
                yield board


def main(folder: Path) -> None:
    """Write the JSON of every dashboard below ``folder``."""
    for board in boards():
        path = folder / board.folder / f"{board.uid}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        # At once: a Grafana that watches the folder reads whole files only.
        new = path.with_suffix(".new")
        new.write_text(board.render(), encoding="utf-8")
        new.replace(path)
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "grafana" / "dashboards")
