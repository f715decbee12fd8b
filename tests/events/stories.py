"""The tables in `cases/`: stories of what is sent, and every number that comes of them.

A story is a list of steps: `server` (an event of /v1/events, or several in one body), `page` (a
body, `to` one of the trackers' paths, with `kind`, `country`, `user_agent` where they matter) and
`wait` (seconds of server time). `series` lists every series that is not 0 afterwards, as [name,
labels, value]; buckets are looked at where they are listed. `points` lists points as
[measurement, some tags, all fields].
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.event import Domain, event_type
from tests.pipelines import Piped, named

Case = Mapping[str, Any]


def cases(domain: str) -> Sequence[Case]:
    """The cases of a domain."""
    table = yaml.safe_load((Path(__file__).parent / "cases" / f"{domain}.yml").read_text())
    found: Sequence[Case] = table["cases"]
    return found


def play(piped: Piped, story: Sequence[Mapping[str, Any]]) -> None:
    """Send what a story says, and let the time pass that it says."""
    for step in story:
        match step:
            case {"wait": seconds}:
                piped.wait(seconds)
            case {"server": list() as events}:
                piped.tell(*events)
            case {"server": event}:
                piped.tell(event)
            case {"page": page}:
                sender = {name: page.get(name) for name in ("kind", "country", "user_agent")}
                piped.beacon(page["to"], page["body"], **sender)
            case _:
                raise AssertionError(f"no such step: {step}")


def check_series(piped: Piped, case: Case, left_out: Sequence[str] = ()) -> None:
    """Every series of the case is there, and no other, but for families that may be left out."""
    series = piped.series("video_")
    expected = {named(name, labels): value for name, labels, value in case["series"]}
    buckets = {name: value for name, value in expected.items() if _is_bucket(name)}
    assert {name: series.get(name, 0.0) for name in buckets} == buckets
    counted = {
        name: value
        for name, value in series.items()
        if not _is_bucket(name) and not name.startswith(tuple(left_out) or "no family")
    }
    assert counted == pytest.approx(
        {name: value for name, value in expected.items() if name not in buckets}
    )


def check_points(piped: Piped, case: Case) -> None:
    """Every point of the case was made, in this order, and no other."""
    assert [point.measurement for point, _ in piped.points] == [m for m, _, _ in case["points"]]
    for (point, _), (_, tags, fields) in zip(piped.points, case["points"], strict=True):
        assert {name: dict(point.tags)[name] for name in tags} == tags
        texts = {name: value for name, value in fields.items() if isinstance(value, str)}
        numbers = {name: value for name, value in fields.items() if name not in texts}
        found = dict(point.fields)
        assert {name: value for name, value in found.items() if isinstance(value, str)} == texts
        found = {name: value for name, value in found.items() if not isinstance(value, str)}
        assert found == pytest.approx(numbers)


def families(table: Sequence[Case]) -> set[str]:
    """The metrics that a table looks at."""
    listed = {name for case in table for name, _, _ in case["series"]}
    found = set()
    for name in listed:
        for suffix in ("_sum", "_count", "_bucket"):
            if name.endswith(suffix):
                found.add(name.removesuffix(suffix))
                break
        else:
            found.add(name)
    return found


def said(table: Sequence[Case]) -> dict[str, set[str]]:
    """The values of every label of series and every tag of points in a table."""
    found: dict[str, set[str]] = {}
    for case in table:
        for _, labels, _ in (*case["series"], *case.get("points", ())):
            for name, value in labels.items():
                found.setdefault(name, set()).add(value)
    return found


def told(table: Sequence[Case]) -> set[str]:
    """The types of the events that servers send in a table."""
    return {str(event["type"]) for case in table for event in _events(case)}


def types(domain: Domain) -> set[str]:
    """The types of the events that servers may send to a domain."""
    return {event_type(event) for event in domain.events}


def _events(case: Case) -> Iterator[Mapping[str, Any]]:
    for step in case["story"]:
        events = step.get("server", [])
        yield from events if isinstance(events, list) else [events]


def _is_bucket(series: str) -> bool:
    return series.split("{", maxsplit=1)[0].endswith("_bucket")
