"""Asks Prometheus, over its HTTP API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import PurePath
from typing import Any, Final

import aiohttp

from exporter.reports.questions import Answer, Question, Series, parts
from exporter.settings import without_password

MOST_POINTS: Final = 10_000
"""Of one series in one answer; Prometheus itself refuses more than 11,000."""

AT_ONCE: Final = 4
"""Questions that run at the same time; Prometheus has others to serve."""


class AwayError(Exception):
    """A server that a report needs did not answer, or did not understand."""


class Prometheus:
    """One Prometheus."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def ask_all(self, questions: Mapping[str, Question]) -> dict[str, Answer]:
        """The answers to all questions, by the same names."""
        answers = await asyncio.gather(*map(self.ask, questions.values()))
        return dict(zip(questions, answers, strict=True))

    async def ask(self, question: Question) -> Answer:
        """The series that answer a question."""
        if not question.step:
            found = await self._call("query", query=question.expr, time=question.end)
            return list(_finite(found["result"]))
        answer: dict[tuple[tuple[str, str], ...], Series] = {}
        for part in parts(question, MOST_POINTS):
            found = await self._call(
                "query_range",
                query=part.expr,
                start=part.begin,
                end=part.end,
                step=part.step,
            )
            for new in _finite(found["result"]):
                key = tuple(sorted(new.labels.items()))
                old = answer.get(key)
                answer[key] = new if old is None else Series(old.labels, old.points + new.points)
        return list(answer.values())

    async def domains(self) -> dict[str, str]:
        """Of each KPI the domain: the name of the file of rules that record it.

        Not everything that speaks PromQL knows its rules; then nobody says.
        """
        try:
            groups = (await self._call("rules", method="GET", type="record"))["groups"]
        except AwayError:
            return {}
        return {
            rule["labels"]["kpi"]: PurePath(group["file"]).stem
            for group in groups
            for rule in group["rules"]
            if rule["name"] in {"kpi:value", "kpi:events"} and "kpi" in rule.get("labels", {})
        }

    async def _call(self, path: str, *, method: str = "POST", **asked: str | float) -> Any:
        said = {name: str(value) for name, value in asked.items()}
        form = None if method == "GET" else said
        query = said if method == "GET" else None
        async with self._turn:
            try:
                async with self._http.request(
                    method, f"{self._url}/api/v1/{path}", params=query, data=form
                ) as answer:
                    body = await answer.json(content_type=None)
            except (aiohttp.ClientError, TimeoutError, ValueError) as failure:
                raise AwayError(
                    f"Prometheus at {without_password(self._url)}: {type(failure).__name__}"
                ) from failure
        if not isinstance(body, dict) or body.get("status") != "success":
            why = body.get("error", answer.status) if isinstance(body, dict) else answer.status
            raise AwayError(f"Prometheus at {without_password(self._url)}: {why}")
        return body["data"]


def _finite(found: list[dict[str, Any]]) -> Iterator[Series]:
    """The series without points that are no number, such as a quotient of nothing."""
    for each in found:
        given = each["values"] if "values" in each else [each["value"]]
        points = ((float(at), float(value)) for at, value in given)
        finite = tuple(point for point in points if isfinite(point[1]))
        if finite:
            yield Series(each["metric"], finite)
