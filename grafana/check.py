"""``python -m grafana.check URL``: asks a running Grafana for every panel; says which are empty.

It says as well which links of dashboards and of the alerts in Prometheus lead to none there.

It asks as a browser would, through Grafana's own API: every dashboard with the tag ``video``, every
panel, with the range that the dashboard opens with and every variable at All, or at its first value
where it has no All. A panel whose text for "nothing" is "none" may be empty: no alert is no fault.

With ``--log FILE`` it also names what Grafana said in its log of provisioning that is worse than
information; without a URL, that alone.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit

TIMEOUT_SECONDS: Final = 60
NOTHING_IS_FINE: Final = "none"
EVERYTHING: Final = ".*"
TIME: Final = "time"
NUMBER: Final = "number"
"""What Grafana calls the kinds of a column."""

POINTS: Final = 500
"""How many points wide a panel is asked to be."""

Json = dict[str, Any]


class NoAnswerError(Exception):
    """Grafana does not answer, or refuses; the message is for a person."""


class Found(NamedTuple):
    """What a panel answered: series or rows, or an error in words."""

    board: str
    panel: str
    rows: int
    error: str
    may_be_empty: bool
    hint: str

    @property
    def wanting(self) -> bool:
        """Whether somebody should look at it."""
        return bool(self.error) or (self.rows == 0 and not self.may_be_empty)

    def __str__(self) -> str:
        state = self.error or ("empty" if self.rows == 0 else f"{self.rows} rows")
        hint = f" ({self.hint})" if self.rows == 0 and not self.error and self.hint else ""
        return f"{self.board} / {self.panel}: {state}{hint}"


class Grafana:
    """A running Grafana."""

    def __init__(self, url: str, token: str = "") -> None:
        parts = urlsplit(url)
        self._base = urlunsplit(
            (parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")
        )
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        elif parts.username:
            pair = f"{parts.username}:{parts.password or ''}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"

    def ask(self, path: str, body: Json | None = None) -> Any:
        """The answer to a path of its API, or :class:`NoAnswerError`."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data=data, headers=self._headers)  # noqa: S310 - an operator names it
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            text = refusal.read().decode(errors="replace")
            if path == QUERIES and refusal.code in {400, 500} and '"results"' in text:
                return json.loads(text)
            raise NoAnswerError(f"{path} answers {refusal.code}: {text[:200]}") from refusal
        except (OSError, ValueError) as error:
            raise NoAnswerError(f"{self._base}{path} does not answer: {error}") from error


QUERIES: Final = "/api/ds/query"
PROMETHEUS: Final = "/api/datasources/proxy/uid/prometheus/api/v1"
"""Prometheus itself, asked through Grafana."""


def check(grafana: Grafana, lately: str = "") -> Iterator[Found]:
    """Every panel of every dashboard; ``lately`` (such as 1h) instead of their own ranges."""
    search = urlencode({"type": "dash-db", "tag": "video", "limit": 1000})
    boards = grafana.ask(f"/api/search?{search}")
    there = {found["uid"] for found in boards}
    for found in boards:
        board = grafana.ask(f"/api/dashboards/uid/{found['uid']}")["dashboard"]
        time = {"from": f"now-{lately}", "to": "now"} if lately else board["time"]
        choices = {
            variable["name"]: choice(grafana, variable, time)
            for variable in board.get("templating", {}).get("list", [])
        }
        for panel in board["panels"]:
            if panel["type"] != "row":
                yield _ask_panel(grafana, board["title"], panel, time, choices)
        yield from _dead_links(board["title"], board, there)
    for group in grafana.ask(f"{PROMETHEUS}/rules?type=alert")["data"]["groups"]:
        for rule in group["rules"]:
            yield from _dead_links(f"Alert {rule['name']}", rule["annotations"], there)


def _dead_links(where: str, content: Json, there: set[str]) -> Iterator[Found]:
    """The links to dashboards that this Grafana has not."""
    for uid in sorted(set(re.findall(r'"/d/([\w-]+)', json.dumps(content))) - there):
        error = "leads to no dashboard"
        yield Found(where, f"/d/{uid}", 0, error, may_be_empty=False, hint="")


def choice(grafana: Grafana, variable: Json, time: Json) -> str:
    """All, where a variable has it; else its first value."""
    if variable.get("allValue"):
        return str(variable["allValue"])
    if variable["type"] == "custom":
        return str(variable["query"]).split(",")[0].strip()
    target = {
        "refId": "A",
        "datasource": variable["datasource"],
        "query": variable["query"],
        "rawQuery": True,
        "resultFormat": "table",
    }
    answer = grafana.ask(QUERIES, {**time, "queries": [target]})["results"]["A"]
    for frame in answer.get("frames", []):
        *_, values = frame["data"]["values"] or [[]]
        if values:
            return str(values[0])
    return ""


def filled(target: Json, choices: dict[str, str]) -> Json:
    """A query with its variables replaced, as a browser does before it asks."""

    def replaced(text: str) -> str:
        for name, value in choices.items():
            pattern = value if value == EVERYTHING else re.escape(value)
            text = text.replace(f"${{{name}:regex}}", pattern).replace(f"${name}", value)
        return text

    texts: Json = {key: replaced(target[key]) for key in ("expr", "query") if key in target}
    return {**target, **texts, "intervalMs": 60_000, "maxDataPoints": POINTS}


def _ask_panel(
    grafana: Grafana, board: str, panel: Json, time: Json, choices: dict[str, str]
) -> Found:
    hint = panel["fieldConfig"]["defaults"].get("noValue", "")
    queries = [filled(target, choices) for target in panel["targets"]]
    results = answers(grafana, queries, time)
    errors = {one["error"] for one in results.values() if one.get("error")}
    return Found(
        board,
        panel["title"],
        sum(_rows(frame) for one in results.values() for frame in one.get("frames") or []),
        "; ".join(sorted(errors)),
        may_be_empty=hint == NOTHING_IS_FINE,
        hint=hint,
    )


def answers(grafana: Grafana, queries: list[Json], time: Json) -> Json:
    """What Grafana says to each query, by its letter; where it fails as a whole, which one did."""
    try:
        return dict(grafana.ask(QUERIES, {**time, "queries": queries})["results"])
    except NoAnswerError as error:
        if len(queries) > 1:
            apart = (answers(grafana, [query], time) for query in queries)
            return {letter: answer for one in apart for letter, answer in one.items()}
        return {queries[0]["refId"]: {"error": _why(grafana, queries[0], str(error))}}


def _why(grafana: Grafana, query: Json, said: str) -> str:
    """What Prometheus has against a query; nothing, if Grafana failed because it has no series.

    Grafanas on the way to 9.4 answer 500 to both, in the same words.
    """
    if "expr" not in query or '"plugin.downstreamError"' not in said:
        return said
    expr = re.sub(r"\$__\w+", "5m", query["expr"])
    try:
        answer = grafana.ask(f"{PROMETHEUS}/query?{urlencode({'query': expr})}")
    except NoAnswerError as error:
        return str(error)
    return "" if answer["status"] == "success" else said


def _rows(frame: Json) -> int:
    """How many rows of a frame have a value; times are none, nor are null and NaN.

    Where there are numbers they count, and not the words beside them.
    """
    columns = frame["data"]["values"]
    fields = frame.get("schema", {}).get("fields") or [{}] * len(columns)
    kinds = [field.get("type") for field in fields]
    numbers = [column for kind, column in zip(kinds, columns, strict=False) if kind == NUMBER]
    told = [column for kind, column in zip(kinds, columns, strict=False) if kind != TIME]
    return sum(any(map(_is_value, row)) for row in zip(*(numbers or told), strict=True))


def _is_value(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


FIELD: Final = re.compile(r'(?:^|\s)(\w+)=("(?:\\.|[^"\\])*"|\S*)')
"""A field of a line of a log."""


class Line(NamedTuple):
    """A line of a log that is about provisioning."""

    number: int
    level: str
    text: str

    @property
    def wanting(self) -> bool:
        """Whether it warns."""
        return self.level not in {"debug", "dbug", "info"}


def provisioning(log: Iterable[str]) -> Iterator[Line]:
    """What a log of Grafana says of provisioning, in each of the formats that it can have."""
    for number, line in enumerate(log, 1):
        said = _fields(line)
        if said.get("logger", "").partition(".")[0] == "provisioning":
            yield Line(number, said.get("level") or said.get("lvl") or "unknown", line.strip())


def _fields(line: str) -> dict[str, str]:
    if line.startswith("{"):
        try:
            return {name: str(value) for name, value in json.loads(line).items()}
        except ValueError:
            return {}
    # The first of a name counts: what is quoted in a message may look like a field.
    return {found[1]: found[2] for found in reversed([*FIELD.finditer(line)])}


def main(arguments: list[str] | None = None) -> int:
    """Check; returns the exit code: 0 fine, 1 something is empty, fails or warns, 2 no answer."""
    parser = argparse.ArgumentParser(prog="python -m grafana.check", description=__doc__)
    parser.add_argument("url", nargs="?", help="such as http://admin:password@127.0.0.1:3000")
    parser.add_argument("--lately", default="", help="such as 1h: instead of each board's range")
    parser.add_argument("--all", action="store_true", help="also name the panels that are fine")
    parser.add_argument("--log", type=Path, help="Grafana's log: name what warns of provisioning")
    said = parser.parse_args(arguments)
    if said.url is None and said.log is None:
        parser.error("a URL or --log is needed")
    # What a log says does not stop the panels from being asked, nor the other way round.
    codes = [_check_log(said.log)] if said.log else []
    if said.url:
        codes.append(_check_panels(said))
    return max(codes)


def _check_log(log: Path) -> int:
    try:
        with log.open(errors="replace") as lines:
            found = list(provisioning(lines))
    except OSError as error:
        sys.stderr.write(f"{log} cannot be read: {error.strerror}\n")
        return 2
    if not found:
        # Grafana says what it provisions: a log that does not is another's, or of a higher level.
        sys.stderr.write(
            f"{log} says nothing about provisioning: is it Grafana's, at level info?\n"
        )
        return 2
    wanting = [line for line in found if line.wanting]
    for line in wanting:
        sys.stdout.write(f"{log}:{line.number}: {line.text}\n")
    sys.stdout.write(f"{len(found)} lines about provisioning, {len(wanting)} warnings or errors.\n")
    return 1 if wanting else 0


def _check_panels(said: argparse.Namespace) -> int:
    grafana = Grafana(said.url, os.environ.get("GRAFANA_TOKEN", ""))
    try:
        panels = list(check(grafana, said.lately))
    except NoAnswerError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    wanting = [found for found in panels if found.wanting]
    for found in panels if said.all else wanting:
        sys.stdout.write(f"{found}\n")
    sys.stdout.write(f"{len(panels)} panels, {len(wanting)} empty or failing.\n")
    return 1 if wanting or not panels else 0


if __name__ == "__main__":
    sys.exit(main())
