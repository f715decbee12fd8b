"""What tells two people apart becomes classes, templates and fingerprints, or goes."""

import json
import time

import pytest

from exporter.catalogue import DEFAULTS
from exporter.event import Browser, Client, Device, Region, System
from exporter.metric import Route
from exporter.privacy import Privacy, fingerprint, scrub, scrub_beacon, truncate_address
from exporter.receiver import SAMPLE
from tests.canaries import LOOKED_FOR, SHAPES
from tests.pipelines import CATALOGUE, CLEANER

APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
KHTML = "AppleWebKit/537.36 (KHTML, like Gecko)"

# As these browsers sent them.
AGENTS = [
    (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/126.0.0.0 Safari/537.36",
        (Device.DESKTOP, Browser.CHROME, System.WINDOWS),
    ),
    (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {KHTML} Chrome/126.0.0.0 Safari/537.36",
        (Device.DESKTOP, Browser.CHROME, System.MACOS),
    ),
    (
        f"Mozilla/5.0 (X11; Linux x86_64) {KHTML} Chrome/126.0.0.0 Safari/537.36",
        (Device.DESKTOP, Browser.CHROME, System.LINUX),
    ),
    (
        f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {KHTML} Chrome/126.0.0.0 Safari/537.36",
        (Device.DESKTOP, Browser.CHROME, System.CHROME_OS),
    ),
    (
        f"Mozilla/5.0 (Linux; Android 10; K) {KHTML} Chrome/126.0.0.0 Mobile Safari/537.36",
        (Device.MOBILE, Browser.CHROME, System.ANDROID),
    ),
    (
        f"Mozilla/5.0 (Linux; Android 13; SM-X906C) {KHTML} Chrome/126.0.0.0 Safari/537.36",
        (Device.TABLET, Browser.CHROME, System.ANDROID),
    ),
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {APPLE} Version/17.5 "
        "Mobile/15E148 Safari/604.1",
        (Device.MOBILE, Browser.SAFARI, System.IOS),
    ),
    (
        f"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) {APPLE} Version/17.5 Mobile/15E148 "
        "Safari/604.1",
        (Device.TABLET, Browser.SAFARI, System.IOS),
    ),
    (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/17.5 Safari/605.1.15",
        (Device.DESKTOP, Browser.SAFARI, System.MACOS),
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1",
        (Device.MOBILE, Browser.CHROME, System.IOS),
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0",
        (Device.DESKTOP, Browser.FIREFOX, System.WINDOWS),
    ),
    (
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
        (Device.DESKTOP, Browser.FIREFOX, System.LINUX),
    ),
    (
        "Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0",
        (Device.MOBILE, Browser.FIREFOX, System.ANDROID),
    ),
    (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/126.0.0.0 Safari/537.36 "
        "Edg/126.0.2592.68",
        (Device.DESKTOP, Browser.EDGE, System.WINDOWS),
    ),
    (
        f"Mozilla/5.0 (Linux; Android 10; HD1913) {KHTML} Chrome/126.0.6478.71 Mobile "
        "Safari/537.36 EdgA/125.0.2535.96",
        (Device.MOBILE, Browser.EDGE, System.ANDROID),
    ),
    (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/125.0.0.0 Safari/537.36 "
        "OPR/111.0.0.0",
        (Device.DESKTOP, Browser.OTHER, System.WINDOWS),
    ),
    (
        f"Mozilla/5.0 (Web0S; Linux/SmartTV) {KHTML} Chrome/108.0.5359.211 Safari/537.36",
        (Device.TV, Browser.CHROME, System.OTHER),
    ),
    (
        f"Mozilla/5.0 (Linux; Android 9; AFTMM) {KHTML} Chrome/98.0.4758.101 Safari/537.36",
        (Device.TV, Browser.CHROME, System.ANDROID),
    ),
    ("curl/8.8.0", (Device.OTHER, Browser.OTHER, System.OTHER)),
    ("no browser at all", (Device.OTHER, Browser.OTHER, System.OTHER)),
    ("Mozilla \udcff\ud800", (Device.OTHER, Browser.OTHER, System.OTHER)),
    ("Mozilla/5.0 (" + "A" * 100_000, (Device.OTHER, Browser.OTHER, System.OTHER)),
    ("", (Device.OTHER, Browser.OTHER, System.OTHER)),
    (None, (Device.OTHER, Browser.OTHER, System.OTHER)),
]


@pytest.mark.parametrize(("user_agent", "classes"), AGENTS)
def test_a_user_agent_becomes_device_browser_and_system(
    user_agent: str | None, classes: tuple[Device, Browser, System]
) -> None:
    assert CLEANER.client(user_agent)[:3] == classes


def test_every_class_of_client_is_found_in_some_user_agent() -> None:
    found = {each for _, classes in AGENTS for each in classes}

    assert found == {*Device, *Browser, *System}


@pytest.mark.parametrize(
    ("country", "region", "kept"),
    [
        ("DE", Region.EUROPE, "DE"),
        ("de", Region.EUROPE, "DE"),
        ("GB", Region.EUROPE, "GB"),
        ("US", Region.NORTH_AMERICA, "US"),
        ("MX", Region.NORTH_AMERICA, "MX"),
        ("BR", Region.SOUTH_AMERICA, "BR"),
        ("NG", Region.AFRICA, "NG"),
        ("IN", Region.ASIA, "IN"),
        ("TW", Region.ASIA, "TW"),
        ("NZ", Region.OCEANIA, "NZ"),
        ("AQ", Region.OTHER, "ZZ"),
        ("ZZ", Region.OTHER, "ZZ"),
        ("XX", Region.OTHER, "ZZ"),
        ("somebody@example.com", Region.OTHER, "ZZ"),
        ("\udcff", Region.OTHER, "ZZ"),
        ("", Region.OTHER, "ZZ"),
        (None, Region.OTHER, "ZZ"),
    ],
)
def test_a_country_has_a_region_and_what_is_no_country_is_not_kept(
    country: str | None, region: Region, kept: str
) -> None:
    assert CLEANER.client(None, country) == Client(region=region, country=kept)


def test_no_country_is_in_two_regions_and_nearly_all_are_in_one() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    codes = {one + other for one in letters for other in letters}
    known = {code for code in codes if CLEANER.client(None, code).country != "ZZ"}

    # ISO 3166-1 has 249 codes, of which five uninhabited or antarctic ones have no region here;
    # XK is what everybody uses for Kosovo.
    assert len(known - {"XK"}) == 249 - len({"AQ", "BV", "HM", "TF", "GS"} - known)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/uploads", "/api/uploads"),
        ("/api/uploads/", "/api/uploads"),
        ("/api/uploads/77", "/api/uploads/:id"),
        ("/api/uploads/:id", "/api/uploads/:id"),
        ("/api/uploads/77?token=secret", "/api/uploads/:id"),
        ("/api/uploads/77#part", "/api/uploads/:id"),
        ("/api/uploads/77/chunks/3", "/api/uploads/:id/chunks/:index"),
        ("/api/uploads/77/complete", "/api/uploads/:id/complete"),
        ("/api/uploads/77/other", "other"),
        ("/api/uploads//", "other"),
        ("/api/uploadsX", "other"),
        ("/API/uploads", "other"),
        ("https://example.com/api/uploads", "other"),
        ("other", "other"),
        ("", "other"),
        ("\udcff", "other"),
    ],
)
def test_a_path_becomes_one_of_the_configured_templates(path: str, route: str) -> None:
    assert CLEANER.route(path) == Route(route)


def test_a_long_path_is_found_as_well_but_not_remembered() -> None:
    privacy = Privacy(DEFAULTS, bytes(32))
    short = "/api/uploads/" + "x" * 200

    assert privacy.route(short + "x" * 16_000) == privacy.route(short) != Route("other")
    assert privacy._remembered.cache_info().currsize == 1


def test_a_template_with_signs_of_patterns_means_them_as_they_are() -> None:
    privacy = Privacy({**DEFAULTS, Route: ("/a.b/:id", "/(c)")}, bytes(32))

    assert [privacy.route(path) for path in ("/a.b/1", "/aXb/1", "/(c)")] == [
        "/a.b/:id",
        "other",
        "/(c)",
    ]


def test_every_route_that_comes_out_is_a_label_of_the_catalogue() -> None:
    paths = ["/api/uploads/1", "/nothing", *CATALOGUE.lists[Route]]

    assert {CLEANER.route(path) for path in paths} <= set(CATALOGUE.members[Route])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("chunk 3 of 17 failed", "chunk 4 of 20 failed"),
        ('cannot read "holiday.mp4"', 'cannot read "wedding of Ann.mov"'),
        ("no such file 'a'", "no such file 'b'"),
        ("GET https://a.example.com/x?y=1 failed", "GET https://b.example.com/z failed"),
        ("user a@example.com is unknown", "user bob@mail.example.org is unknown"),
        ("refused by 10.0.0.1", "refused by 192.168.17.3"),
        ("refused by 2001:db8::1", "refused by fe80::17:2"),
        ("request deadbeef01 failed", "request 00c0ffee00 failed"),
        ("Network  Error", "network error"),
    ],
)
def test_texts_that_differ_in_what_tells_people_apart_have_one_fingerprint(
    one: str, other: str
) -> None:
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    "text",
    ["a" * 4096, ":" * 4096, "“" * 4096, "a@" * 2048, "'\"`" * 1365, "http://" * 600, "<" * 4096],
    ids=lambda text: text[:6],
)
def test_no_text_takes_long(text: str) -> None:
    """A body of servers may hold hundreds of texts, and the loop waits for each."""
    began = time.process_time()
    fingerprint(text)
    scrub(text, 1024)

    assert time.process_time() - began < 0.1


def test_texts_that_say_different_things_have_different_fingerprints() -> None:
    texts = ["network error", "timeout", "disk full", "failed to fetch", "x"]

    assert len({fingerprint(text) for text in texts}) == len(texts)


@pytest.mark.parametrize("text", ["a", "x" * 100_000, "\ud800", "名前", "\x00", "  "])
def test_a_fingerprint_is_sixteen_digits_whatever_the_text(text: str) -> None:
    assert len(fingerprint(text)) == 16
    assert set(fingerprint(text)) <= set("0123456789abcdef")
    assert fingerprint("") == ""


CANARIES = [
    ("somebody@example.com", "{}"),
    ("some.body+tag@mail.example.co.uk", '{{"user":"{}"}}'),
    ("somebody@example", "<{}>"),
    ("somebody\\u0040example.com", '{{"user":"{}"}}'),
    ("somebody%40example.com", "/invite/{}/x"),
    ("192.168.17.203", "from {} port 80"),
    ("192.168.17.203", "[{}]:80"),
    ("2001:db8:85a3::8a2e:370:7334", "from {}"),
    ("2001:db8:85a3:0:0:8a2e:370:7334", '{{"ip":"{}"}}'),
    ("2001:DB8::1", "ip:{}"),
    ("fe80::1", "{}%eth0"),
    ("::1234:5678", "({})"),
    ("secret=canary&x=1", "/watch?{}"),
    ("canary/path?token=abc", "https://example.com/{}"),
    ("canary.example.com", "http://{}:8080/"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P", "{}"),
    ("AKIAIOSFODNN7EXAMPLE", "key {} end"),
    ("c0ffee00-1234-4321-abcd-0123456789ab", '{{"id":"{}"}}'),
]


@pytest.mark.parametrize(("canary", "around"), CANARIES)
def test_what_is_kept_of_a_refused_beacon_names_nobody(canary: str, around: str) -> None:
    kept = scrub(around.format(canary), 1024)

    assert canary not in kept
    # No part of it that is long enough to say something either.
    parts = [canary[start : start + 8] for start in range(len(canary) - 7)]
    assert [part for part in parts if part in kept] == []


AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0"
SAID = [
    ("Alice Canary", '{{"message":"Cannot load the profile of {}"}}'),
    ("Alice Canary", "{{message: {} was here"),
    ("Alice%20Canary", '{{"url":"/people/{}"}}'),
    ("Alice+Canary", "q={}"),
    ("Zo\u00eb", '{{"message":"{}"}}'),
    ("\u540d\u524d", '{{"message":"{}"}}'),
    ("canary17", '{{"userId":"{}"}}'),
    ("canary17", '{{"user_name": "{}"}}'),
    ("canary17", '{{"viewer":"{}"}}'),
    ("canary 17", "customer_id={}"),
    ("canary.mp4", '{{"filename":"{}"}}'),
    ("192.168.17.203", '{{"id":"{}"}}'),
    (AGENT, '{{"userAgent":"{}"}}'),
    (AGENT, '{{"ua":"{}"}}'),
]


@pytest.mark.parametrize(("canary", "around"), [*CANARIES[:-1], *SAID])
def test_a_refused_beacon_that_is_kept_names_nobody(canary: str, around: str) -> None:
    kept = scrub_beacon(around.format(canary), CLEANER.person)

    assert canary not in kept
    parts = [canary[start : start + 8] for start in range(len(canary) - 7)]
    assert [part for part in parts if part in kept] == []


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_however_a_refused_beacon_says_who_it_was_that_is_not_kept(shape: bytes) -> None:
    said = shape[:SAMPLE].decode()
    assert any(word in said for word in LOOKED_FOR)

    kept = scrub_beacon(said, CLEANER.person, whole=len(shape) <= SAMPLE)
    assert [word for word in LOOKED_FOR if word in kept] == []


@pytest.mark.parametrize(
    "around",
    [
        '{{"user":"{}","n":1}}',
        '{{"user" : "{}"}}',
        "{{'user': '{}'}}",
        '{{"m":"{{\\"user\\":\\"{}\\"}}"}}',
        '{{"m":"{{\\"x\\":\\"{{\\\\\\"user\\\\\\":\\\\\\"{}\\\\\\"}}\\"}}"}}',
        "user={}&n=1",
        '{{"m":"user={}\\", 5"}}',
    ],
)
def test_a_name_has_one_hash_however_it_is_quoted(around: str) -> None:
    kept = scrub_beacon(around.format("canary17"), CLEANER.person)

    assert kept == around.format(f"#{CLEANER.person('canary17')}")


@pytest.mark.parametrize("name", ["Zo\u00eb", 'ali"ce', "back\\slash", "\u540d\u524d"])
def test_a_name_has_the_hash_that_it_has_in_an_event(name: str) -> None:
    once = json.dumps({"user": name, "n": 1})
    for said in (once, json.dumps({"m": once}), json.dumps({"m": json.dumps({"m": once})})):
        assert f"#{CLEANER.person(name)}" in scrub_beacon(said, CLEANER.person)
        assert json.loads(scrub_beacon(said, CLEANER.person)), "it can still be read"


def test_what_tells_a_mistake_is_kept() -> None:
    text = (
        '{"uploadId": "c0ffee00-1234-4321-abcd-0123456789ab", "totalTime": "12 s", "marks": [null]}'
    )

    assert scrub_beacon(text, CLEANER.person) == text


def test_who_is_named_twice_is_the_same_person() -> None:
    one, two = (scrub_beacon(f'{{"user":"a","n":{n}}}', CLEANER.person) for n in (1, 2))

    assert one.replace("1}", "2}") == two


@pytest.mark.parametrize(
    "again",
    [
        *(
            "a",
            "user",
            '"',
            'user:"',
            'id:"',
            "a ",
            "a+",
            "\\",
            "userid",
            "\u00eb",
            "a.",
            "1.",
            "f0:",
        ),
        *(
            '\\"',
            'user\\"',
            'user:\\"',
            'user\\":\\"',
            "user:'",
            "user:[",
            'user:"\\',
            'user=\\\\"',
        ),
        *("\\/", "a\\/", "Mozilla\\/5\\", "http:\\/\\/", "http:\\/\\/\\", "a%20", "eyJ", 'id:"eyJ'),
        *("\u00eb{mail:", "token:bearer ", "user" * 15 + " ", "_" * 40 + "auth", "[user=\u00eb "),
    ],
)
def test_scrubbing_a_beacon_takes_no_longer_than_its_length(again: str) -> None:
    text = again * (4096 // len(again))

    def seconds() -> float:
        began = time.process_time()
        scrub_beacon(text, CLEANER.person)
        return time.process_time() - began

    assert min(seconds() for _ in range(5)) < 0.02


def test_what_is_kept_is_short() -> None:
    assert len(scrub("word " * 10_000, 1024)) == 1024
    assert len(scrub("a@b.example " * 10_000, 1024)) <= 1024


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.168.17.203", "192.168.17.0"),
        ("255.255.255.255", "255.255.255.0"),
        ("2001:db8:85a3:8d3:1319:8a2e:370:7334", "2001:db8:85a3::"),
        ("::1", "::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:192.168.17.203", "192.168.17.0"),
        ("192.168.17.203:80", "unknown"),
        ("somebody", "unknown"),
        ("", "unknown"),
    ],
)
def test_of_an_address_its_network_is_used_and_no_more(address: str, network: str) -> None:
    assert truncate_address(address) == network
