"""The pages of ``docs/clients``, as people find them: through the table of their index."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

PAGES = Path(__file__).parents[1] / "docs" / "clients"
WEBHOOKS = "/hooks/webhooks/"


class Row(NamedTuple):
    """A line of the index: the page, and the paths that are told there."""

    page: str
    paths: tuple[str, ...]


@cache
def index() -> tuple[Row, ...]:
    """Every line of the table."""
    lines = (PAGES / "README.md").read_text().splitlines()
    rows = [line.split("|")[1:5] for line in lines if line.startswith("| [")]
    found = []
    for client, paths, *_ in rows:
        (page,) = re.findall(r"\]\(([^)]+)\)", client)
        found.append(Row(page, tuple(re.findall(r"`(/[^`]*)`", paths))))
    return tuple(found)


def paths() -> set[str]:
    """Every path of the index that is there as shipped; webhooks need a secret."""
    every = {path for row in index() for path in row.paths}
    return {path for path in every if not path.startswith(WEBHOOKS)}
