"""Reports of CMCD as players send them, and the same information in JSON.

No two reports are the same: of a thousand sessions, each with numbers and media of its own.
"""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import quote

from exporter.formats.cmcd.structured import Member, Token, dictionary

HLS_JS_SHORT = (
    'bl=({n}00),e=t,sid="6e2fb550-c457-11e9-bb97-0800200c{s}",sn={n},sta=p,ts=1795227674{n},v=2'
)
HLS_JS = (
    'bl=({n}00),br=(200),cid="movie-42",e=rr,mtp=({n}400),pr=1.5,rc=200,sf=h,'
    'sid="6e2fb550-c457-11e9-bb97-0800200c{s}",sn={n},st=v,sta=r,ts=1795227674{n},'
    'ttfb={n}6,ttlb={n}9,url="http://cdn/c-0-{n}{s}.m4s",v=2'
)
DASH_JS = (
    "ab=(150;v 48;a),bl=({n}00;v {n}00;a),br=(150;v 48;a),"
    'cid="movie-42",e=ps,mtp=({n}000;v {n}600;a),pb=(150;v 48;a),pr=1.5,sf=d,'
    'sid="b248658d-7f1e-4ac5-9d4c-2f1f5c6f{s}",sn={n},st=v,sta=r,tb=(150;v 48;a),'
    "ts=1795227863{n},v=2"
)
BOTH = (HLS_JS, DASH_JS) * 20
_GROUPS = {
    "CMCD-Object": "br=3200,d=4004,ot=v,tb=6000",
    "CMCD-Request": 'bl={n}00,dl={n}00,mtp={n}00,nor="c-0-{n}{s}.m4s",su',
    "CMCD-Session": 'cid="movie-42",sf=h,sid="6e2fb550-c457-11e9-bb97-0800200c{s}",st=v',
    "CMCD-Status": "bs,rtp=9600",
}
"""A request of media, as the players of version 1 describe it."""


def lines(*patterns: str) -> list[list[str]]:
    """Of each session, its reports."""
    numbers = itertools.count(100)
    return [
        [pattern.format(n=next(numbers) % 900 + 100, s=session) for pattern in patterns]
        for session in range(1000, 2000)
    ]


def as_json(reports: list[str]) -> str:
    """What reports say, as short as JSON can say it."""
    said = [{key: _plain(value) for key, value in dictionary(text).items()} for text in reports]
    return json.dumps(said if len(said) > 1 else said[0], separators=(",", ":"))


def as_body(reports: list[str]) -> str:
    """The same as a body of JSON, with lists as the reference library writes them."""
    said = [{key: _item(value) for key, value in dictionary(text).items()} for text in reports]
    return json.dumps(said if len(said) > 1 else said[0], separators=(",", ":"))


def headers() -> list[dict[str, str]]:
    """The four headers of a request of media."""
    return [dict(zip(_GROUPS, texts, strict=True)) for texts in lines(*_GROUPS.values())]


def in_one(said: dict[str, str]) -> str:
    """The same as one dictionary."""
    return ",".join(said.values())


def in_query(said: dict[str, str]) -> str:
    """The same as the query of an address."""
    return f"CMCD={quote(in_one(said), safe='')}"


def _plain(value: Member) -> object:
    """A list has values, or pairs of value and type."""
    if not isinstance(value, tuple):
        return str(value) if isinstance(value, Token) else value
    return [[item, *dict(about)] if about else item for item, about in value]


def _item(value: Member) -> Any:
    if not isinstance(value, tuple):
        return _plain(value)
    return [{"value": item, "params": dict(about)} if about else item for item, about in value]
