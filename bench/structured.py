"""What reading a dictionary of Structured Fields costs, against a library that reads every kind."""

from __future__ import annotations

import itertools
import statistics
from typing import Any, Final

import http_sf

from bench import reports
from bench.decoding import microseconds
from exporter.formats.cmcd.keys import read
from exporter.formats.cmcd.structured import Member, dictionary

NUMBER, REPEAT = 2_000, 9

CASES: Final = {
    "hls.js, 7 members": reports.HLS_JS_SHORT,
    "hls.js, 17 members": reports.HLS_JS,
    "dash.js, 16 members": reports.DASH_JS,
}


def library(text: str) -> Any:
    """As ``http-sf`` reads it."""
    return http_sf.parse(text.encode(), tltype="dictionary")


def alike(text: str) -> tuple[dict[str, Any], dict[str, Member]]:
    """What both make of it, in our form."""
    return {key: _ours(value) for key, (value, _) in library(text).items()}, dictionary(text)


def _ours(value: Any) -> Any:
    if isinstance(value, list):
        return tuple((item, tuple(about.items())) for item, about in value)
    return str(value) if isinstance(value, http_sf.Token) else value


def run() -> None:
    """Print microseconds of CPU a report, and how many times as much the library takes."""
    print("library µs  ours µs  library / ours             typed, remembered µs")
    for name, pattern in CASES.items():
        rounds = _rounds([text for (text,) in reports.lines(pattern)])
        ratios = [theirs / ours for theirs, ours, _ in rounds]
        least = [min(each) for each in zip(*rounds, strict=True)]
        print(
            f"{least[0]:10.1f}  {least[1]:7.1f}  median {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f})  {least[2]:10.1f}  {name}",
            flush=True,
        )


def _rounds(texts: list[str]) -> list[tuple[float, float, float]]:
    """In turns: the library, ours by pattern, ours with types and members remembered."""
    following = itertools.cycle(texts).__next__
    return [
        (
            microseconds(lambda: library(following()), NUMBER),
            microseconds(lambda: dictionary(following()), NUMBER),
            microseconds(lambda: read(following()), NUMBER),
        )
        for _ in range(REPEAT)
    ]
