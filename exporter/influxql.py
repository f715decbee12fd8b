"""Questions to InfluxDB in InfluxQL, which 1.x, 2.x and 3 Core all answer at ``/query``."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from exporter.settings import Influx


class QuestionError(ValueError):
    """InfluxDB answered, but not the question; the message says why."""


async def ask(
    http: aiohttp.ClientSession, settings: Influx, statement: str, *, epoch: str
) -> list[Any]:
    """The series that one statement finds, with times in a unit (``s``, ``ns``) since 1970.

    Raises QuestionError, and what aiohttp does.
    """
    async with http.get(
        settings.url.rstrip("/") + "/query",
        params={"db": settings.bucket, "q": statement, "epoch": epoch},
        headers=settings.authorisation(),
    ) as answer:
        text = await answer.text()
    try:
        (result,) = json.loads(text)["results"]
    except (KeyError, TypeError, ValueError):
        raise QuestionError(f"status {answer.status}") from None
    # A statement that fails is an answer with status 200 all the same.
    if "error" in result:
        raise QuestionError(result["error"])
    return list(result.get("series", []))


def literal(text: str) -> str:
    """A text as a statement has it."""
    escaped = text.replace("\\", r"\\").replace("'", r"\'").replace("\n", r"\n")
    return f"'{escaped}'"
