"""What JSON and texts can be at their worst, and ways to put it into what clients send."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

VALUES: Final[Mapping[str, bytes]] = {
    "not a number": b"NaN",
    "infinity": b"Infinity",
    "minus infinity": b"-Infinity",
    "beyond all numbers": b"1e400",
    "400 digits": b"9" * 400,
    "4,301 digits": b"9" * 4301,
    "largest number": b"1.7976931348623157e308",
    "smallest number": b"5e-324",
    "minus nothing": b"-0.0",
    "beyond 53 bits": b"9007199254740993",
    "beyond 64 bits": b"18446744073709551616",
    "negative": b"-1",
    "a flag": b"true",
    "null": b"null",
    "lone surrogate": b'"\\ud800"',
    "surrogates in the wrong order": b'"\\udc00\\ud800"',
    "zero character": b'"a\\u0000b"',
    "control characters": b'"a\\n\\r\\t\\u001b[31m\\u2028"',
    "raw control character": b'"a\nb"',
    "not UTF-8": b'"\xff\xfe"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "surrogate in UTF-8": b'"\xed\xa0\x80"',
    "empty text": b'""',
    "long text": b'"' + b"x" * 5000 + b'"',
    "long text beyond ASCII": '"{}"'.format("é" * 2500).encode(),
    "a number as text": b'"1e999"',
    "not a number as text": b'"NaN"',
    "exposition": b'"\\"} 1\\nvideo_upload_started_total 999"',
    "an array": b"[]",
    "an object": b"{}",
    "an array of nulls": b"[null,null]",
    "deep arrays": b"[" * 5000 + b"]" * 5000,
    "deep objects": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "an open array": b"[",
    "leading zero": b"01",
    "hexadecimal": b"0x10",
    "single quotes": b"'x'",
    "repeated key": b'{"a":1,"a":2}',
    "nothing": b"",
}
"""JSON values that some reader somewhere takes for what they are not, by what is odd about them."""

_PIECES: Final = (
    *('"', "\\", "(", ")", "=", ",", ";", "?0", "?1", ":aGk=:", "@1", "\n", "\r\n", "\0", "v=2"),
    *("\ud800".encode(errors="surrogatepass").decode("latin-1"), "é", "9" * 40, "-", ".", "1.5"),
    *("-999999999999.999", "1e5", "nan", "sid=", 'cid="', "ts=", "e=ps", "sta=", "br=(1 2)"),
)
_HOLE: Final = "\ue000hole"


def leaves(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where something can be put: the ways to every value within a value."""
    yield at
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from leaves(each, (*at, name))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from leaves(each, (*at, place))


def placed(value: Any, at: tuple[str | int, ...], token: bytes) -> bytes:
    """The value as JSON, with the bytes of ``token`` where ``at`` leads."""
    holed = json.dumps(_with(value, at, _HOLE), separators=(",", ":"))
    return holed.encode().replace(json.dumps(_HOLE).encode(), token, 1)


def _with(value: Any, at: tuple[str | int, ...], new: Any) -> Any:
    if not at:
        return new
    copy = dict(value) if isinstance(value, Mapping) else list(value)
    copy[at[0]] = _with(value[at[0]], at[1:], new)
    return copy


class Mutator:
    """Changes bodies as somebody would who knows what they look like."""

    def __init__(self, pick: random.Random, words: tuple[str, ...]) -> None:
        self._pick = pick
        self._words = words

    def body(self, body: bytes) -> bytes:
        """A body that differs in one place, or a few."""
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return self._text(body)
        for _ in range(self._pick.randrange(3)):
            value = self._changed(value)
        if self._pick.random() < 0.6:
            return json.dumps(value).encode(errors="surrogatepass")
        at = self._pick.choice(tuple(leaves(value)))
        token = self._pick.choice(tuple(VALUES.values()))
        try:
            return placed(value, at, token)
        except RecursionError:
            return token

    def _changed(self, value: Any) -> Any:
        """The value with a key more or less, a member twice, or one of the words."""
        at = self._pick.choice(tuple(leaves(value)))
        here = value
        for step in at:
            here = here[step]
        return _with(value, at, self._other(here))

    def _other(self, here: Any) -> Any:  # noqa: PLR0911 - a table of kinds
        pick, word = self._pick, self._pick.choice(self._words)
        if isinstance(here, dict) and here:
            name = pick.choice(tuple(here))
            if pick.random() < 0.3:
                return {key: each for key, each in here.items() if key != name}
            return {**here, word: here[name]}
        if isinstance(here, list) and here:
            return here * 2 if pick.random() < 0.5 else here[:-1]
        if isinstance(here, bool | None):
            return pick.choice((True, False, None, 0, 1))
        if isinstance(here, float) or (isinstance(here, int) and abs(here) < 1e15):
            factor = pick.choice((-1, 0, 0.5, 1000, 1e-9, 1e12))
            return here * factor + pick.choice((0, 1, 0.1))
        if isinstance(here, str):
            half = pick.randrange(len(here) + 1)
            return pick.choice((word, here[:half] + word + here[half:], here[half:], here * 2))
        return word

    def _text(self, body: bytes) -> bytes:
        """A text that is no JSON, with a piece more or less of it."""
        pick = self._pick
        one, other = sorted(pick.randrange(len(body) + 1) for _ in range(2))
        piece = pick.choice((*_PIECES, *self._words)).encode()
        if pick.random() < 0.3:
            return body[:one] + body[one:other] * 2 + body[other:]
        return body[:one] + piece + body[min(other, one + 20) :]
