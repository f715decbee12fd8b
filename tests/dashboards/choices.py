"""What is chosen at the top of a dashboard."""

from collections.abc import Mapping
from typing import Any


def filled(query: str, board: Mapping[str, Any], **chosen: str) -> str:
    """A query of InfluxQL with each variable at All, or at an expression that somebody chose."""
    for variable in board["templating"]["list"]:
        name = variable["name"]
        value = chosen.get(name, variable.get("allValue", ""))
        query = query.replace(f"${{{name}:regex}}", value)
    return query
