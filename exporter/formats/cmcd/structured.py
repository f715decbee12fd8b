"""Dictionaries of Structured Fields (RFC 8941; dates and display strings of RFC 9651).

Two readers of one grammar: a pattern reads what players send all day, and a reader by the letter
of the specification takes over at the first member that is something else.

Where it takes more than the RFC: keys may have capitals behind their first letter (the custom
keys in CTA-5004's own examples have), and strings may hold what is not ASCII (the reference
library writes it). Where it keeps less: parameters of what is not in a list are read and dropped,
because no key of CMCD has any there.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote_to_bytes


class Token(str):
    """A word without quotes, which is no string."""

    __slots__ = ()


class Date(int):
    """Seconds since 1970, which are no number."""

    __slots__ = ()


Bare = bool | int | float | str | bytes
"""An item; a :class:`Token` and a :class:`Date` are told by their class."""
Items = tuple[tuple[Bare, tuple[tuple[str, Bare], ...]], ...]
"""An inner list: its items, each with its parameters."""
Member = Bare | Items


class MalformedError(ValueError):
    """The text is no dictionary."""


MOST_DIGITS: Final = 15
MOST_WHOLE_DIGITS: Final = 12
"""Of a decimal, before its point."""
MOST_DECIMALS: Final = 3

_KEY: Final = r"[a-z*][A-Za-z0-9_\-.*]*+"
_NUMBER: Final = r"-?[0-9]++(?:\.[0-9]++)?(?!\.)"
_NUMBERS: Final = rf"\ *+{_NUMBER}(?:;{_KEY})?+(?:\ ++{_NUMBER}(?:;{_KEY})?+)*+\ *+"
_WORD: Final = r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*+"

_common = re.compile(
    rf"""({_KEY})
    (?: =
        (?: ({_NUMBER}) | "([^"\\\x00-\x1f\x7f]*+)" | ({_WORD}) | \(({_NUMBERS})\) | \?([01]) )
    )?+
    [\ \t]*+ (?: , [\ \t]*+ (?!\Z) | \Z )""",
    re.VERBOSE,
).match
"""A member without escapes, and without parameters but in lists; and the comma behind it."""
_TRUE, _A_NUMBER, _A_STRING, _A_TOKEN, _SOME_NUMBERS, _A_BOOLEAN = range(1, 7)
"""The last group that matched in it."""

_in_numbers = re.compile(rf"({_NUMBER})(?:;({_KEY}))?+").findall
_key = re.compile(_KEY).match
_spaces = re.compile(r"\ *+").match
_comma = re.compile(r"[ \t]*+(?:,[ \t]*+(?!\Z)|\Z)").match


def dictionary(text: str) -> dict[str, Member]:
    """The members of a dictionary, of which the last of a name counts; :class:`MalformedError`."""
    members: dict[str, Member] = {}
    position, end = 0, len(text)
    while position < end:
        found = _common(text, position)
        if found is None:
            key, members[key], position = _member(text, position)
            continue
        position = found.end()
        kind = found.lastindex
        if kind == _A_NUMBER:
            members[found[1]] = _to_number(found[2])
        elif kind == _SOME_NUMBERS:
            members[found[1]] = _to_numbers(found[5])
        elif kind == _A_TOKEN:
            members[found[1]] = Token(found[4])
        elif kind == _A_STRING:
            members[found[1]] = found[3]
        else:
            members[found[1]] = kind == _TRUE or found[6] == "1"
    return members


def _to_number(digits: str) -> int | float:
    if "." not in digits:
        if len(digits) > MOST_DIGITS and len(digits.lstrip("-")) > MOST_DIGITS:
            raise MalformedError("an integer has too many digits")
        return int(digits)
    whole, _, decimals = digits.lstrip("-").partition(".")
    if len(whole) > MOST_WHOLE_DIGITS or len(decimals) > MOST_DECIMALS:
        raise MalformedError("a decimal has too many digits")
    return float(digits)


def _to_numbers(text: str) -> Items:
    return tuple(
        (_to_number(number), ((name, True),) if name else ()) for number, name in _in_numbers(text)
    )


def _member(text: str, position: int) -> tuple[str, Member, int]:
    """A member, and where the next one begins."""
    found = _key(text, position)
    if found is None:
        raise MalformedError("there is no key")
    position = found.end()
    value: Member = True
    if text.startswith("=(", position):
        value, position = _items(text, position + 2)
    elif text.startswith("=", position):
        value, position = _bare(text, position + 1)
    _, position = _parameters(text, position)
    comma = _comma(text, position)
    if comma is None:
        raise MalformedError("there is no comma behind a member, or nothing behind its comma")
    return found[0], value, comma.end()


def _items(text: str, position: int) -> tuple[Items, int]:
    items: list[tuple[Bare, tuple[tuple[str, Bare], ...]]] = []
    while True:
        after = _after(_spaces(text, position))
        if text.startswith(")", after):
            return tuple(items), after + 1
        if items and after == position:
            raise MalformedError("there is no space between two items")
        value, after = _bare(text, after)
        parameters, position = _parameters(text, after)
        items.append((value, parameters))


def _after(found: re.Match[str] | None) -> int:
    return found.end() if found else 0


def _parameters(text: str, position: int) -> tuple[tuple[tuple[str, Bare], ...], int]:
    if not text.startswith(";", position):
        return (), position
    parameters: dict[str, Bare] = {}
    while text.startswith(";", position):
        found = _key(text, _after(_spaces(text, position + 1)))
        if found is None:
            raise MalformedError("a parameter has no key")
        position = found.end()
        parameters[found[0]] = True
        if text.startswith("=", position):
            parameters[found[0]], position = _bare(text, position + 1)
    return tuple(parameters.items()), position


def _bare(text: str, position: int) -> tuple[Bare, int]:
    found = _item(text, position)
    if found is None:
        raise MalformedError("there is no item")
    kind = found.lastindex or 0
    try:
        return _READINGS[kind](found[kind]), found.end()
    except ValueError as error:
        raise MalformedError("an item does not say what it seems to") from error


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text) if "\\" in text else text


def _from_base64(text: str) -> bytes:
    missing = -len(text) % 4
    if missing and text.endswith("="):
        raise ValueError("there is too much padding, or too little")
    return b64decode(text + "=" * missing, validate=True)


def _from_percents(text: str) -> str:
    return unquote_to_bytes(text).decode()


_KINDS: Final[Mapping[str, Callable[[str], Bare]]] = {
    rf"({_NUMBER})": _to_number,
    r'"((?:[^"\\\x00-\x1f\x7f]|\\["\\])*+)"': _unescaped,
    rf"({_WORD})": Token,
    r"\?([01])": "1".__eq__,
    r":([A-Za-z0-9+/]*+={0,2}):": _from_base64,
    rf"@(-?[0-9]{{1,{MOST_DIGITS}}})(?![0-9.])": Date,
    r'%"((?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*+)"': _from_percents,
}
"""Of each kind of item, how it is recognised, and what is meant by its one group."""
_item = re.compile("|".join(_KINDS)).match
_READINGS: Final[tuple[Callable[[str], Bare], ...]] = (str, *_KINDS.values())
"""By the number of the group; there is no group 0."""
