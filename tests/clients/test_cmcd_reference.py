"""CMCD as the reference library (`@svta/cml-cmcd`) reads it and as we do: equal, or explained.

It encodes reports and decodes them, as they are and after accidents; we decode the same texts.
Every difference has one of the names in :data:`EXPLAINED`, and each of those happens.
"""

import json
import random
import re
import string
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import pytest

from exporter.formats.cmcd import keys
from exporter.formats.cmcd.keys import KEYS, LATEST, Typed, typed
from exporter.formats.cmcd.record import EVENTS, OBJECT_TYPES
from exporter.formats.cmcd.structured import Date, MalformedError, Member, Token, dictionary
from tests.clients.browser import HERE, NODE, NODE_MODULES

SEED: Final = 5004
REPORTS: Final = 1_500
ACCIDENTS: Final = 6_000

LISTS: Final = "ab bl br bsa bsd bsda lab lb mtp pb tab tb tbl tpb".split()  # noqa: SIM905
TOKENS: Final[Mapping[str, tuple[str, ...]]] = {
    "e": ("bc", "ps", "pr", "e", "t", "c", "b", "m", "um", "pe", "rr", "as", "sk", "ce", "h"),
    "ot": ("m", "a", "v", "av", "i", "c", "tt", "k", "o"),
    "sf": ("d", "h", "s", "o", "e"),
    "st": ("v", "l", "ll"),
    "sta": ("s", "p", "k", "r", "a", "w", "e", "f", "q", "d"),
}
TEXTS: Final = ("sid", "cid", "cdn", "cs", "h", "cen", "url", "nrr", "smrt", "cmsdd", "cmsds")


def reference(reports: list[Any], texts: list[str]) -> Any:
    """What the library makes of them."""
    assert (NODE_MODULES / "@svta" / "cml-cmcd").is_dir(), "make clients installs what is missing"
    asked = json.dumps({"reports": reports, "texts": texts})
    told = subprocess.run(
        [NODE, HERE / "cmcd.mjs"], input=asked.encode(), capture_output=True, check=True
    )
    return json.loads(told.stdout)


# -- reports and accidents ---------------------------------------------------------------------


def number(chance: random.Random) -> float:
    return chance.choice(
        (0, 1, chance.randrange(10**5), chance.randrange(10**13), 1.5, 0.0005, -3, 123_456.789)
    )


def text(chance: random.Random) -> str:
    alphabet = string.ascii_letters + string.digits + ' -_/:.,;=()"\\%?@*é語😀'
    longest = chance.choice((0, 5, 5, 30, 30, 64, 65, 128, 129))
    return "".join(chance.choices(alphabet, k=longest))


def listed(chance: random.Random) -> list[Any]:
    types = (*sorted(OBJECT_TYPES), "x")
    return [
        [number(chance), {chance.choice(types): True}] if chance.random() < 0.7 else number(chance)
        for _ in range(chance.choice((0, 1, 1, 2, 3)))
    ]


def right(key: str, chance: random.Random) -> Any:
    """A value of the type that a key has."""
    if key in TOKENS:
        return chance.choice(TOKENS[key])
    if key in {"bg", "bs", "nr", "su"}:
        return chance.random() < 0.8
    made: Callable[[random.Random], Any] = number
    if key in LISTS:
        made = listed
    elif key in TEXTS or "-" in key:
        made = text
    elif key in {"ec", "nor"}:
        made = texts
    return made(chance)


def texts(chance: random.Random) -> list[Any]:
    return [text(chance), [text(chance), {"r": "0-99"}]][: chance.choice((1, 2))]


def report(chance: random.Random) -> dict[str, Any]:
    """A report of which most is right, as a player hands it to the library to be encoded."""
    keys = (*sorted(KEYS), "com.example-key", "zz")
    some = chance.sample(keys, chance.randrange(1, 16))
    said = {
        key: right(key if chance.random() < 0.85 else chance.choice(keys), chance) for key in some
    }
    options: dict[str, Any] = {"reportingMode": chance.choice(("event", "event", "request"))}
    if options["reportingMode"] == "event":
        # Without, the library takes the time of day, which is another one every time.
        said |= {
            "e": chance.choice((*["rr", "ce"] * 8, *TOKENS["e"])),
            "ts": chance.randrange(10**13),
        }
    if chance.random() < 0.5:
        options["version"] = chance.choice((1, 2))
    return {"keys": said, "options": options}


ODD: Final = (
    *('"', "\\", "(", ")", ",", ";", "=", " ", "\t", "?", ":", "@", "%", "*", "-", ".", "0", "9"),
    *("a", "A", "é", "\xa0", "\r", "\0", "\x7f", "\u2028", "v", "()", ",,", "(1;v)", '"x"', ";v"),
    *("=?0", ";a=1", "=:aGk=:", "=:aG k:", "=@5", "=x", "=1.5", "=-0", "=(1 2)"),
)
MEMBERS: Final = (
    *("v=1", "v=2", "v=3", "v=2;a=1", "br=5", "br=(5)", "br=()", "bl=1.5", "ec=25", 'sta="p"'),
    *("sta=p;x", "sf=e", "e=h", "sid=x", "tab=7", 'nor="x"', 'nor=("x")', 'sid="x";y=1', "sn=5.0"),
    *("zz=@999999999999999", "zz=@1.0", 'zz=%"%c3%bc"', "com.example-myKey=1", "smrt=1"),
    *("cmsds=?1", "bsd=(),v=2", "br=5,v=2", "br=(5),v=2", "br=(5),v=2;a=1"),
)  # fmt: skip


def accident(line: str, chance: random.Random) -> str:
    """A text to which one thing or a few have happened."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        place, other = sorted((chance.randrange(len(line) + 1), chance.randrange(len(line) + 1)))
        line = chance.choice(
            (
                line[:place] + chance.choice(ODD) + line[place:],
                line[:place] + chance.choice(ODD) + line[place + 1 :],
                line + chance.choice(ODD),
                f"{line},{chance.choice(MEMBERS)}",
                line[:place] + line[place + 1 :],
                line[:place] + line[other:] if chance.random() < 0.3 else line[:other],
            )
        )
    return line


# -- what both make of a text ------------------------------------------------------------------


class Case(NamedTuple):
    """A text; what the library read in it (None: nothing), and what we did."""

    text: str
    theirs: Any
    ours: dict[str, Member] | None

    @property
    def typed(self) -> Typed:
        assert self.ours is not None
        return typed(self.ours)

    def value(self, key: str) -> Member:
        assert self.ours is not None
        return self.ours[key]


def trimmed(line: str) -> str:
    return line.strip(" \t\r\n")


def read(line: str) -> dict[str, Member] | None:
    try:
        return dictionary(trimmed(line))
    except MalformedError:
        return None


def same(theirs: Any, ours: Member) -> bool:
    """Whether values mean the same; JavaScript has one kind of number."""
    if not isinstance(theirs, dict):
        kind = (
            bool if isinstance(theirs, bool) else str if isinstance(theirs, str) else (int, float)
        )
        return isinstance(ours, kind) and type(ours) not in {Token, Date} and theirs == ours
    if "item" in theirs:
        return same(theirs["item"], ours)
    if "list" in theirs:
        return (
            isinstance(ours, tuple)
            and len(ours) == len(theirs["list"])
            and all(map(same_item, theirs["list"], ours))
        )
    ((kind, value),) = theirs.items()
    return {
        "token": lambda: type(ours) is Token and value == ours,
        "date": lambda: type(ours) is Date and value == int(ours),
        "bytes": lambda: isinstance(ours, bytes) and value == list(ours),
    }[kind]()


def same_item(theirs: Any, ours: tuple[Any, Any]) -> bool:
    named = theirs["params"] if isinstance(theirs, dict) and "params" in theirs else []
    return (
        same(theirs, ours[0])
        and len(named) == len(ours[1])
        and all(
            their_key == key and same(value, said)
            for (their_key, value), (key, said) in zip(named, ours[1], strict=True)
        )
    )


def differences(case: Case) -> Iterator[str | None]:
    """The names of the differences between the two readings; None is one without a name."""
    if case.theirs is None or case.ours is None:
        if (case.theirs is None) != (case.ours is None):
            yield named(SYNTAX, case)
        return
    theirs = dict(case.theirs["members"])
    if theirs.keys() != case.ours.keys():
        yield None
        return
    for key, value in theirs.items():
        if not same(value, case.ours[key]):
            yield named(VALUES, case, key)
    yield from types(case)


def types(case: Case) -> Iterator[str | None]:
    """As above, of the keys with a value of a wrong type."""
    version, _, ignored = case.typed
    refused_or_ignored = version > LATEST or "v" in ignored
    if ("v" in case.theirs["wrong"]) != refused_or_ignored:
        yield named(VERSIONS, case)
    if version > LATEST:
        return  # of which we read nothing
    wrong = set(case.theirs["wrong"]) & KEYS.keys()
    for key in wrong ^ (set(ignored) - {"v"}):
        yield named(TYPES, case, key)


def named(rules: Mapping[str, Callable[..., Any]], case: Case, *key: str) -> str | None:
    return next((name for name, explains in rules.items() if explains(case, *key)), None)


def exactly(value: object) -> object:
    """With the names of types, of which some are equal to others."""
    return tuple(map(exactly, value)) if isinstance(value, tuple) else (type(value).__name__, value)


def has(pattern: str, case: Case) -> bool:
    return re.search(pattern, case.text) is not None


def is_long(case: Case, key: str) -> bool:
    """JavaScript counts a character beyond the first 65,536 as two."""
    said = case.value(key)
    return isinstance(said, str) and len(said.encode("utf-16-le")) // 2 > len(said)


def has_parameters(case: Case, key: str) -> bool:
    theirs = dict(case.theirs["members"])[key]
    return isinstance(theirs, dict) and "item" in theirs


SYNTAX: Final[Mapping[str, Callable[[Case], Any]]] = {
    "capitals in a key, as in the examples of CTA-5004": lambda case: (
        case.ours is not None
        and (
            any(key != key.lower() for key in case.ours)
            or has(r";\ *[a-z*][a-z0-9_\-.*]*[A-Z]", case)
        )
    ),
    "display strings of RFC 9651": lambda case: case.theirs is None and has('=%"', case),
    "white space that is none in RFC 8941": lambda case: (
        case.ours is None and has(r"[\t\r\n\f\v\xa0\u2028\ufeff]|:[A-Za-z0-9+/]* ", case)
    ),
    "a date that says it has no fraction": lambda case: (
        case.ours is None and has(r"@-?\d+\.0", case)
    ),
}
VALUES: Final[Mapping[str, Callable[[Case, str], Any]]] = {
    "a date beyond those of JavaScript": lambda case, key: (
        has(r"@-?\d{13,15}", case) and "Date" in str(exactly(case.value(key)))
    ),
}
TYPES: Final[Mapping[str, Callable[[Case, str], Any]]] = {
    "HESP, which the library does not know": lambda case, key: (
        key == "sf" and case.value(key) == "e"
    ),
    "a changed host, which the library does not know": lambda case, key: (
        key == "e" and case.value(key) == "h"
    ),
    "an unknown event, which costs the report": lambda case, key: (
        key == "e" and type(case.value(key)) is Token and case.value(key) not in EVENTS
    ),
    "codes of errors in any shape, to be counted by who repairs": lambda case, key: (
        key == "ec" and case.value(key) != ()
    ),
    "an empty list says nothing": lambda case, key: case.value(key) == (),
    "a string is no token": lambda case, key: key in TOKENS and type(case.value(key)) is str,
    "parameters of what is not in a list": has_parameters,
    "parameters of the version, which is the first without them": lambda case, key: (
        key != "v" and "v" in case.ours and has_parameters(case, "v")
    ),
    "one value or a list of them, whatever the version": lambda case, key: (
        key in {*LISTS, "nor"} and (case.typed.version == 1 or type(case.value(key)) is not tuple)
    ),
    "characters that JavaScript counts twice": is_long,
}
VERSIONS: Final[Mapping[str, Callable[[Case], Any]]] = {
    "parameters of a version": lambda case: has_parameters(case, "v"),
}
EXPLAINED: Final = {*SYNTAX, *VALUES, *TYPES, *VERSIONS}


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    chance = random.Random(SEED)  # noqa: S311 - the same reports every time
    made = reference([report(chance) for _ in range(REPORTS)], [])
    lines = [line for line in made["encoded"] if line]
    lines += [shard for shards in made["shards"] if shards for shard in shards.values()]
    texts = [*lines, *(accident(chance.choice(lines), chance) for _ in range(ACCIDENTS))]
    decoded = reference([], texts)["decoded"]
    return [Case(line, theirs, read(line)) for line, theirs in zip(texts, decoded, strict=True)]


def test_both_read_the_same_or_there_is_a_name_for_the_difference(cases: list[Case]) -> None:
    found = [(name, case) for case in cases for name in differences(case)]

    assert [(case.text, case.theirs, case.ours) for name, case in found if name is None][:5] == []
    assert {name for name, _ in found} == EXPLAINED


def test_what_players_say_again_and_again_means_what_it_says(cases: list[Case]) -> None:
    """What is remembered of members is an accelerator: reading by the letter says the same."""
    for case in cases * 2:
        try:
            remembered = keys.read(trimmed(case.text))
        except MalformedError:
            assert case.ours is None
        else:
            assert remembered == case.typed


def test_the_texts_are_worth_comparing(cases: list[Case]) -> None:
    """Most are read, many are refused by both, and every key is in many and wrong in some."""
    read_by_both = [case for case in cases if case.theirs and case.ours]
    refused_by_both = [case for case in cases if case.theirs is None and case.ours is None]
    given = Counter(key for case in read_by_both for key, _ in case.theirs["members"])
    wrong = Counter(key for case in read_by_both for key in case.theirs["wrong"])

    assert len(cases) > REPORTS + ACCIDENTS
    assert len(read_by_both) > len(cases) / 2
    assert len(refused_by_both) > ACCIDENTS / 5
    assert min(given[key] for key in KEYS) > 50
    assert set(wrong) >= KEYS.keys()
