"""What may be written down: classes instead of what tells two people apart.

Everything a client sends passes here before the journal. User agents become device, browser and
system; countries become regions; paths become templates; error texts become fingerprints; and
what is kept of a refused beacon is scrubbed first.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import ua_parser

from exporter.event import (
    UNKNOWN_COUNTRY,
    Browser,
    Client,
    Device,
    L,
    Region,
    System,
    name_of,
)
from exporter.metric import Listed, Page, Route
from exporter.vocabulary import WORDS

LONGEST_USER_AGENT: Final = 512
LONGEST_ERROR: Final = 512
LONGEST_REMEMBERED: Final = 256
"""Characters of a path whose template is remembered; pages may send much longer ones."""
REMEMBERED: Final = 8192
REPLAYED: Final = "X-Replayed"
"""The header of what was refused and is sent again, with :meth:`Privacy.proof` of it."""
TEMPLATES: Final[tuple[type[Listed], ...]] = (Route, Page)

_BROWSERS: Final = (
    ("edge", Browser.EDGE),
    ("firefox", Browser.FIREFOX),
    ("chrome", Browser.CHROME),
    ("chromium", Browser.CHROME),
    ("safari", Browser.SAFARI),
)
_SYSTEMS: Final = (
    ("android", System.ANDROID),
    ("chrome os", System.CHROME_OS),
    ("ios", System.IOS),
    ("mac os x", System.MACOS),
    ("macos", System.MACOS),
    ("windows", System.WINDOWS),
    ("linux", System.LINUX),
    ("ubuntu", System.LINUX),
    ("fedora", System.LINUX),
    ("debian", System.LINUX),
)
_TV: Final = re.compile(
    r"smart-?tv|appletv|apple tv|hbbtv|googletv|google tv|android tv|bravia|netcast|web0s|webos"
    r"|viera|roku|crkey|aft[a-z]{1,4}\b|tizen.*tv|\btv\b",
    re.IGNORECASE,
)
_TABLET: Final = re.compile(r"ipad|tablet|kindle|silk/|playbook", re.IGNORECASE)
_MOBILE: Final = re.compile(r"mobi|iphone|ipod", re.IGNORECASE)
_DESKTOPS: Final = {System.WINDOWS, System.MACOS, System.LINUX, System.CHROME_OS}

# UN M49, geographic regions; North America includes Central America and the Caribbean.
_COUNTRIES: Final = {
    Region.AFRICA: (
        "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW IO KE KM LR LS LY "
        "MA MG ML MR MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TF TG TN TZ UG YT ZA "
        "ZM ZW"
    ),
    Region.ASIA: (
        "AE AF AM AZ BD BH BN BT CN CY GE HK ID IL IN IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM "
        "MN MO MV MY NP OM PH PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE"
    ),
    Region.EUROPE: (
        "AD AL AT AX BA BE BG BY CH CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI "
        "LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK"
    ),
    Region.NORTH_AMERICA: (
        "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX "
        "NI PA PM PR SV SX TC TT US VC VG VI"
    ),
    Region.OCEANIA: (
        "AS AU CC CK CX FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS"
    ),
    Region.SOUTH_AMERICA: "AR BO BR BV CL CO EC FK GF GS GY PE PY SR UY VE",
}
_REGION_OF: Final = {
    country: region for region, countries in _COUNTRIES.items() for country in countries.split()
}

# The at sign may be escaped as JSON or a URL does it.
_EMAIL: Final = re.compile(
    r"(?<![^\s\"'<>@])[^\s\"'<>@]+?(?:@|%40|\\u0040)[^\s\"'<>@]{1,255}", re.IGNORECASE
)
# So may slashes, in these.
_URL: Final = re.compile(
    r"https?:(?:\\{0,16}/){2}(?:[^\s\"'<>\\]|\\+[^\s\"'<>\\]){1,2048}", re.IGNORECASE
)
_QUERY: Final = re.compile(r"\?[^\s\"'<>]{1,2048}")
_IPV6: Final = re.compile(r"(?<!\w)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE)
_IPV4: Final = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_ADDRESS: Final = re.compile(rf"{_IPV4.pattern}|{_IPV6.pattern}", re.IGNORECASE)
_TOKEN: Final = re.compile(r"(?:[A-Za-z0-9+/_\-]|\\/){20,}(?:\.[A-Za-z0-9+/_\-]+)*={0,2}")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`|[“«][^“”«»]*[”»]")
_DIGITS: Final = re.compile(r"\d+")
_WORDS: Final = re.compile(
    r"(?<![^\W\d_])[^\W\d_]{2,}(?:(?: |\+|%20|\\u0020|\\[tn])+[^\W\d_]+)+|[^\x00-\x7f]+", re.ASCII
)
"""Two words or more in a row, and everything beyond ASCII: what somebody said, or is called."""
HIDDEN: Final = "…"
"""Instead of a word, in a sample."""
_WORD: Final = re.compile(r"[^\W\d_](?:[\w$.\-]*[^\W\d_])?")
"""From a letter to a letter: an identifier with dots and digits in it is one word."""
_REPEATED: Final = re.compile(rf"{HIDDEN}(?:[\s,]*{HIDDEN})+")
_AGENT: Final = re.compile(r"Mozilla\\{0,16}/\d(?:[^\"'\\]|\\+/){0,1024}")
_KEYED: Final = re.compile(
    r"(?P<key>\b\w{0,40}?(?:(?P<agent>user_?agent|agent|(?:\b|_)ua(?!\w))"
    r"|user|viewer|person|account|customer|member|mail|login|author(?!i[sz])"
    r"|(?:full|first|last|nick|file)_?name"
    r"|(?P<secret>auth|token|passw|secret|phone|cookie|credential|api_?key))"
    r"\w{0,20}(?P<end>\\{0,16}[\"']?)\s{0,8}[:=]\s{0,8})"
    # As JSON and Python write it, to its end or that of the text.
    r"(?:(?P<quote>[\"'])(?P<value>(?:(?!(?P=quote))(?:\\.|[^\\]))*)(?P=quote)?"
    # As JSON within JSON has it, where quotes of a text within that have more backslashes.
    r"|(?P<inner>\\{1,16}[\"'])(?P<told>(?:(?!(?P=inner))(?:\\+[\"']?|[^\\\"]))*)(?:(?P=inner))?"
    r"|(?P<list>\[[^\[\]{}]*)"
    r"|(?!(?:true|false|null)\b)(?P<bare>(?:(?:bearer|basic|digest)\s{1,8})?"
    r"(?:[^\s\"'\\,;&{}\[\]]|\\+[^\s\"'\\])(?:[^\s\",;&{}\[\]\\]|\\+[^\s\"'\\])*))",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
"""Who or what is called what, or may do what: the key and its value."""
_ENDS: Final = "\"',;&{}[]\n"
"""Where a value ends, whatever it is in."""
_ID: Final = re.compile(
    # What begins so is a token (RFC 7519), whatever it is called.
    r"\b\w{0,40}id\"?\s{0,8}[:=]\s{0,8}\"(?!eyJ)[A-Za-z0-9._:\-]{1,128}\"",
    re.IGNORECASE | re.ASCII,
)
MARK: Final = "#"
"""Before a hash in what is kept of a refused beacon: no id that is kept there begins with it."""
_MARKED: Final = re.compile(rf"{MARK}([0-9a-f]{{16}})")
_HEX: Final = re.compile(r"\b[0-9a-f]{6,}\b", re.IGNORECASE)


class Privacy:
    """The rules of one deployment; see :class:`exporter.event.Cleaner` for the contract.

    ``nameless`` is for beacons of people who did not consent: they are counted without identity.
    ``replayed`` is for those that were refused and come again: who they name is hashed already.
    """

    def __init__(
        self,
        lists: Mapping[type[Listed], Sequence[str]],
        key: bytes,
        *,
        nameless: bool = False,
        replayed: bool = False,
        words: Iterable[str] = (),
    ) -> None:
        self._nameless = nameless
        self._replayed = replayed
        self._words = WORDS | {word.lower() for word in words}
        self._templates = {
            kind: tuple((re.compile(_pattern(path)), path) for path in lists[kind])
            for kind in TEMPLATES
        }
        self._names = {
            kind: {name.casefold(): name for name in names} for kind, names in lists.items()
        }
        self._key = key
        self._remembered = lru_cache(REMEMBERED)(self._find_template)

    def rekey(self, key: bytes) -> None:
        """From now on everybody has another hash."""
        self._key = key

    def client(self, user_agent: str | None, country: str | None = None) -> Client:
        """The classes of a user agent and of an ISO 3166-1 country code."""
        if user_agent is not None and len(user_agent) > LONGEST_USER_AGENT:
            user_agent = user_agent[:LONGEST_USER_AGENT]
        return _client(user_agent, country if country and len(country) == 2 else None)

    def route(self, path: str) -> Route:
        """The template that matches; one that is given as such is found too."""
        return Route(self._find(Route, path.partition("?")[0].partition("#")[0]))

    def page(self, url: str) -> Page:
        """The template that the path matches; the host does not matter."""
        _, scheme, rest = url.partition("://")
        path = f"/{rest.partition('/')[2]}" if scheme else url
        return Page(self._find(Page, path.partition("?")[0].partition("#")[0]))

    def _find(self, kind: type[Listed], path: str) -> str:
        find = self._remembered if len(path) <= LONGEST_REMEMBERED else self._find_template
        return find(kind, path)

    def _find_template(self, kind: type[Listed], path: str) -> str:
        for pattern, template in self._templates[kind]:
            if pattern.fullmatch(path):
                return template
        return "other"

    def listed(self, kind: type[L], name: str | None) -> L:
        """The member of a list."""
        return kind(self._names[kind].get((name or "").casefold(), "other"))

    def person(self, name: str) -> str:
        """BLAKE2b with the key of this deployment: without it nobody can try names."""
        return blake2b(name.encode(errors="replace"), key=self._key, digest_size=8).hexdigest()

    def who(self, name: str | None) -> str | None:
        """As :meth:`person`, of people and their sessions alone."""
        return None if name is None or self._nameless else self._hashed(name)

    def _hashed(self, name: str) -> str:
        known = _MARKED.fullmatch(name) if self._replayed else None
        return self.person(name) if known is None else known[1]

    def traces(self, name: str) -> tuple[str, ...]:
        """The hashes under which something may be kept of who, or whose session, has a name."""
        return self.person(name), self._of_play(name_of(name, self))

    def play(self, play_id: str) -> str:
        """As it is, or its hash, which no name of a person has."""
        return self._of_play(play_id) if self._nameless else play_id

    def _of_play(self, play_id: str) -> str:
        return self.person(f"play\0{play_id}")

    def proof(self, path: str, body: bytes) -> str:
        """What only who can read the key can say of a beacon: that it was kept here."""
        said = path.encode() + b"\0" + body
        return blake2b(said, key=self._key, person=b"replayed", digest_size=16).hexdigest()

    def scrubbed(self, text: str, *, whole: bool) -> str:
        """What may be kept of a refused beacon (:func:`scrub_beacon`)."""
        return scrub_beacon(text, self._hashed, whole=whole)

    def fingerprint(self, text: str) -> str:
        """Sixteen hex digits; empty for an empty text."""
        return fingerprint(text)

    def sample(self, text: str, longest: int) -> str:
        """The technical words of a text; the word of a name is none (:mod:`.vocabulary`)."""
        return sample(text, longest, self._words)


def _pattern(route: str) -> str:
    parts = (r"[^/]+" if part.startswith(":") else re.escape(part) for part in route.split("/"))
    return "/".join(parts) + "/?"


_NOBODY: Final = (Device.OTHER, Browser.OTHER, System.OTHER)


@lru_cache(REMEMBERED)
def _client(user_agent: str | None, country: str | None) -> Client:
    """One object for all who are told apart by nothing."""
    device, browser, system = _classify(user_agent) if user_agent else _NOBODY
    code = country.upper() if country else UNKNOWN_COUNTRY
    region = _REGION_OF.get(code)
    if region is None:
        return Client(device, browser, system)
    return Client(device, browser, system, region, code)


@lru_cache(REMEMBERED)
def _classify(user_agent: str) -> tuple[Device, Browser, System]:
    # A header may hold any byte, and the parser takes valid text alone.
    found = ua_parser.parse(user_agent.encode(errors="replace").decode())
    browser_name = found.user_agent.family.lower() if found.user_agent else ""
    system_name = found.os.family.lower() if found.os else ""
    browser = next((b for part, b in _BROWSERS if part in browser_name), Browser.OTHER)
    system = next((s for part, s in _SYSTEMS if system_name.startswith(part)), System.OTHER)
    return _device(user_agent, system), browser, system


def _device(user_agent: str, system: System) -> Device:
    if _TV.search(user_agent):
        return Device.TV
    if _TABLET.search(user_agent):
        return Device.TABLET
    if _MOBILE.search(user_agent):
        return Device.MOBILE
    if system is System.ANDROID:
        # Android browsers say "Mobile" on phones and leave it out on tablets.
        return Device.TABLET
    return Device.DESKTOP if system in _DESKTOPS else Device.OTHER


def fingerprint(text: str) -> str:
    """Sixteen hex digits, equal for texts that differ only in numbers, quotes, names and ids.

    Of a long text its beginning counts: what follows is a stack or a body, and costs time.
    """
    if not text:
        return ""
    plain = scrub(text, LONGEST_ERROR).lower()
    for pattern in (_QUOTED, _HEX, _DIGITS):
        plain = pattern.sub("#", plain)
    words = " ".join(plain.split())
    return blake2b(words.encode(errors="replace"), digest_size=8).hexdigest()


def scrub(text: str, longest: int) -> str:
    """``text`` without addresses, queries and tokens, cut to ``longest`` characters.

    For what is kept of a refused beacon, so that somebody can find out what its sender does
    wrong, without the log becoming a second place where people can be found.
    """
    text = text[: longest * 2]
    text = _URL.sub("[url]", text)
    text = _EMAIL.sub("[email]", text)
    text = _QUERY.sub("[query]", text)
    text = _IPV4.sub("[ip]", text)
    text = _IPV6.sub("[ip]", text)
    text = _TOKEN.sub("[token]", text)
    return text[:longest]


def sample(text: str, longest: int, words: Collection[str]) -> str:
    """What of a message names nobody, cut to ``longest`` characters: its technical words."""

    def shown(word: re.Match[str]) -> str:
        plain = word[0].lower()
        return word[0] if plain in words or plain.endswith(("error", "exception")) else HIDDEN

    plain = _QUOTED.sub(HIDDEN, scrub(text, 2 * longest))
    return _REPEATED.sub(HIDDEN, _WORD.sub(shown, plain))[:longest]


def scrub_beacon(text: str, person: Callable[[str], str], *, whole: bool = True) -> str:
    """``text``, a refused beacon, so that it can still be read, and counted once it is understood.

    Ids of things stay, or nothing would belong together; what names a person becomes a keyed
    hash, marked as one; what people wrote, addresses, queries and tokens are gone. Where it is not
    ``whole``, so is the value that was cut: half a name is one too.
    """
    if not whole:
        text = text[: max(map(text.rfind, _ENDS)) + 1]
    text = _AGENT.sub("[agent]", text)
    text = _KEYED.sub(lambda found: _hidden(found, person), text)
    clean, end = [], 0
    for found in _ID.finditer(text):
        if _ADDRESS.search(found[0]) is None:
            clean += [_scrub_all(text[end : found.start()]), found[0]]
            end = found.end()
    return "".join((*clean, _scrub_all(text[end:])))


def _hidden(found: re.Match[str], person: Callable[[str], str]) -> str:
    """A key with what may be kept of its value, in the value's quotes, or else in the key's."""
    if found["list"]:
        return f"{found['key']}["
    said = found["value"] or found["told"] or found["bare"]
    if not said:
        return found[0]
    quote = found["quote"] or found["inner"] or found["end"]
    if found["agent"]:
        kept = "[agent]"
    elif found["secret"]:
        kept = "[secret]"
    else:
        kept = MARK + person(_read(said, len(quote).bit_length()))
    return f"{found['key']}{quote}{kept}{quote}"


def _read(said: str, times: int) -> str:
    """A text without its escapes, which were put into it so often; as it is, where it has others.

    A quote that is escaped once more has twice as many backslashes, and one.
    """
    try:
        for _ in range(times if "\\" in said else 0):
            said = str(json.loads(f'"{said}"'))
    except ValueError:
        pass
    return said


def _scrub_all(text: str) -> str:
    return _WORDS.sub("[text]", scrub(text, len(text)))


def truncate_address(address: str) -> str:
    """The network of an address (/24 or /48), which is all that is ever used of it."""
    # ipaddress would take ten times as long, for every beacon.
    try:
        return _network(socket.inet_pton(socket.AF_INET, address))
    except (OSError, ValueError):
        pass
    try:
        packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    except (OSError, ValueError):
        return "unknown"
    if packed.startswith(_MAPPED):
        return _network(packed.removeprefix(_MAPPED))
    return socket.inet_ntop(socket.AF_INET6, packed[:6] + bytes(10))


_MAPPED: Final = bytes(10) + b"\xff\xff"
"""Before an address of IPv4 in one of IPv6 (RFC 4291, section 2.5.5.2)."""


def _network(packed: bytes) -> str:
    first, second, third, _ = packed
    return f"{first}.{second}.{third}.0"
