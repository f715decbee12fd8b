"""The keys of CMCD: which type each has, and reports that are typed by them.

What ``e`` may be is the reader's to say: a report of an unknown event is no report to us.

Unknown keys and keys with a value of a wrong type cost the rest of a report nothing
(CTA-5004-B §6).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from exporter.formats.cmcd.record import (
    OBJECT_TYPES,
    STATES,
    STREAM_TYPES,
    STREAMING_FORMATS,
    Numbers,
)
from exporter.formats.cmcd.structured import (
    MOST_DIGITS,
    MOST_WHOLE_DIGITS,
    Bare,
    Items,
    Member,
    Token,
    dictionary,
)

LATEST: Final = 2
"""The last version that we understand."""

Reading = Callable[[Member], Any]
"""What a value means, or None if it is of a wrong type."""


def _integer(value: Member) -> int | None:
    if type(value) is int:
        return value
    return int(value) if type(value) is float and value.is_integer() else None


def _number(value: Member) -> float | None:
    return value if type(value) is int or type(value) is float else None


def _flag(value: Member) -> bool | None:
    return value if type(value) is bool else None


def _text(value: Member) -> str | None:
    return value if type(value) is str else None


def _text_to(longest: int) -> Reading:
    return lambda value: value if type(value) is str and len(value) <= longest else None


def _word(value: Member) -> str | None:
    return str(value) if type(value) is Token else None


def _one_of(words: frozenset[str]) -> Reading:
    return lambda value: str(value) if type(value) is Token and value in words else None


def _numbers(value: Member) -> Numbers | None:
    """One number is a list of one, whatever the version says that it should be."""
    one = _number(value)
    if one is not None:
        return ((one, None),)
    if type(value) is not tuple:
        return None
    numbers: list[tuple[float, str | None]] = []
    for item, parameters in value:
        number = _number(item)
        if number is None:
            return None
        numbers.append((number, _object_type(parameters)))
    return tuple(numbers) or None


def _object_type(parameters: tuple[tuple[str, Bare], ...]) -> str | None:
    for name, said in parameters:
        if said is True and name in OBJECT_TYPES:
            return name
    return None


def _codes(value: Member) -> tuple[str, ...] | None:
    """Codes of errors, in whatever shape they come (dash.js sends a bare number)."""
    items: Items = value if isinstance(value, tuple) else ((value, ()),)
    codes = tuple(str(code) for code, _ in items if type(code) in {int, float, str, Token})
    return codes if codes and len(codes) == len(items) else None


def _are_codes(value: Member) -> bool:
    return type(value) is tuple and all(type(code) is str for code, _ in value)


def _objects(value: Member) -> tuple[tuple[str, str | None], ...] | None:
    if type(value) is str:
        return ((value, None),)
    if type(value) is not tuple:
        return None
    objects: list[tuple[str, str | None]] = []
    for path, parameters in value:
        if type(path) is not str:
            return None
        span = next((said for name, said in parameters if name == "r" and type(said) is str), None)
        objects.append((path, span))
    return tuple(objects) or None


_NUMBERS: Final = ("ab", "bl", "br", "bsa", "bsd", "bsda", "lab", "lb", "mtp", "pb", "tab")
_MORE_NUMBERS: Final = ("tb", "tbl", "tpb")
_INTEGERS: Final = ("d", "dfa", "dl", "ltc", "msd", "pt", "rc", "rtp", "sn", "ts", "ttfb", "ttfbb")
_FLAGS: Final = ("bg", "bs", "nr", "su")
_TEXTS: Final = ("cmsdd", "cmsds", "cs", "nrr", "smrt", "url")
_LONGEST: Final = {"cdn": 128, "cen": 64, "cid": 128, "h": 128, "sid": 64}
_TOKENS: Final = {
    "ot": OBJECT_TYPES,
    "sf": STREAMING_FORMATS,
    "st": STREAM_TYPES,
    "sta": STATES,
}

KEYS: Final[Mapping[str, Reading]] = {
    **dict.fromkeys((*_NUMBERS, *_MORE_NUMBERS), _numbers),
    **dict.fromkeys((*_INTEGERS, "ttlb"), _integer),
    **dict.fromkeys(_FLAGS, _flag),
    **dict.fromkeys(_TEXTS, _text),
    **{key: _text_to(longest) for key, longest in _LONGEST.items()},
    **{key: _one_of(words) for key, words in _TOKENS.items()},
    "e": _word,
    "ec": _codes,
    "nor": _objects,
    "pr": _number,
}
"""Every key but ``v``, and how its values are read.

Version 1 has one number where version 2 has a list. Senders mix them: a player whose configuration
leaves ``v`` out sends lists, and who turned to version 2 goes on with bare numbers.
"""


class Typed(NamedTuple):
    """A report after typing: the fields of a :class:`Record`, of a version that we understand."""

    version: int
    fields: dict[str, Any]
    ignored: tuple[str, ...] = ()
    """Keys with a value of a wrong type."""


def read(text: str) -> Typed:
    """The report that a dictionary is; :class:`MalformedError` where it is none."""
    fields = _usual(text)
    return typed(dictionary(text)) if fields is None else Typed(LATEST, fields)


def typed(members: Mapping[str, Member]) -> Typed:
    """The report that members are."""
    version = _version(members)
    if version is not None and version > LATEST:
        return Typed(version, {})
    fields: dict[str, Any] = {}
    ignored = ["v"] if "v" in members and version is None else []
    for key, value in members.items():
        reading = KEYS.get(key)
        if reading is None:
            continue
        meaning = reading(value)
        if meaning is None:
            ignored.append(key)
        else:
            fields[key] = meaning
    if "ec" in fields and not _are_codes(members["ec"]):
        fields["bare_ec"] = True
    return Typed(version or 1, fields, tuple(ignored))


def _version(members: Mapping[str, Member]) -> int | None:
    version = _integer(members.get("v", True))
    return version if version is not None and version > 0 else None


# -- what players say again and again ----------------------------------------------------------

MOST_REMEMBERED: Final = 16_384
LEAST_UNIQUE: Final = 4
"""Digits of a number that is not remembered."""
LONGEST_REMEMBERED: Final = 64
"""Characters of a member: strangers may write any number of long ones."""

_remembered: dict[str, tuple[str, Any]] = {}
"""Members as they were written, with their key and what they mean (None: nothing to us)."""


def _usual(text: str) -> dict[str, Any] | None:
    """The fields of a report of version 2 of which every member is right, or None.

    Members are cut at every comma. If one of these was within a string, the cut leaves a quote
    open, and what has an open quote is no member: so either all of them are members, or the
    dictionary has to be read by the letter. Nearly all members of a report were in another one.
    """
    fields: dict[str, Any] = {}
    for member in text.split(","):
        found = _remembered.get(member) or _learnt(member)
        if found is None:
            return None
        key, meaning = found
        if meaning is not None:
            fields[key] = meaning
    return fields if fields.pop("v", None) == LATEST else None


def _learnt(text: str) -> tuple[str, Any] | None:
    """Key and meaning of a member that is right; a long number will hardly come again."""
    key, _, digits = text.partition("=")
    is_unique = len(digits) >= LEAST_UNIQUE and digits.isdecimal()
    if is_unique and len(digits) <= MOST_DIGITS and digits.isascii() and KEYS.get(key) is _integer:
        return key, int(digits)
    try:
        ((key, value),) = dictionary(text).items()
    except ValueError:
        return None
    reading = _integer if key == "v" else KEYS.get(key)
    meaning = reading(value) if reading is not None else None
    if reading is not None and (meaning is None or (key == "ec" and not _are_codes(value))):
        return None
    if len(text) <= LONGEST_REMEMBERED and not is_unique:
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        _remembered[text] = key, meaning
    return key, meaning


# -- JSON --------------------------------------------------------------------------------------

GROUPS: Final = ("session", "event", "object", "request", "status")
"""The four headers, and what happened."""


def reports(said: dict[str, Any]) -> list[Any]:
    """The reports in an object: itself, or what other collectors have wrapped in one.

    ``{"session": {…}, "events": [{…}]}`` says once what is the same in all of its reports;
    ``{"cmcd": {"session": {…}, "object": {…}, …}}`` is one report, its keys in groups.
    """
    events = said.get("events")
    if isinstance(events, list):
        session = _ungrouped(said.get("session"))
        return [{**session, **_ungrouped(e)} if isinstance(e, dict) else e for e in events]
    return [_ungrouped(said)]


def _ungrouped(said: Any) -> dict[str, Any]:
    """No key of CMCD has an object for its value."""
    if not isinstance(said, dict):
        return {}
    inner = said.get("cmcd")
    found: dict[str, Any] = inner if isinstance(inner, dict) else said
    groups = [found[name] for name in GROUPS if isinstance(found.get(name), dict)]
    if not groups:
        return found
    return {**found, **{key: value for group in groups for key, value in group.items()}}


def from_json(said: Mapping[str, Any]) -> dict[str, Member]:
    """The members that an object of JSON stands for: its strings may be tokens.

    A list holds values, or items as the reference library has them:
    ``{"value": 5000, "params": {"v": true}}``. What nothing can mean becomes bytes, which no key
    takes.
    """
    return {
        key: Token(value)
        if (key in _TOKENS or key == "e") and isinstance(value, str)
        else _from_json(value)
        for key, value in said.items()
        if value is not None
    }


def _from_json(value: Any) -> Member:
    if isinstance(value, list):
        return tuple(map(_item, value))
    return _plain(value)


def _item(value: Any) -> tuple[Bare, tuple[tuple[str, Bare], ...]]:
    if not isinstance(value, dict):
        return _plain(value), ()
    parameters = value.get("params")
    if not isinstance(parameters, dict):
        return _plain(value.get("value")), ()
    return _plain(value.get("value")), tuple((k, _plain(v)) for k, v in parameters.items())


def _plain(value: Any) -> Bare:
    """Numbers have the bounds that they have in a dictionary."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int) and abs(value) < 10**MOST_DIGITS:
        return value
    if isinstance(value, float) and abs(value) < 10**MOST_WHOLE_DIGITS:
        return value
    return b""
