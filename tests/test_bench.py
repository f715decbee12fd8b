"""The benchmarks measure what they say, in small; and a session keeps within its kilobyte."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import (
    applying,
    catching_up,
    decoding,
    load,
    mix,
    offline,
    open_sessions,
    reports,
    scraping,
    servers,
    soak,
    structured,
)
from bench.__main__ import LONG, SHORT, options
from bench.latency import family, metrics, scraped_load
from exporter.catalogue import BUDGET
from exporter.checkpoint import StateFile
from exporter.events import DOMAINS

INDEX_BYTES = 9 + 52
"""Of the queue of those due, and of a table of 100,000 names."""


@pytest.mark.parametrize("kind", open_sessions.KINDS.values(), ids=open_sessions.KINDS)
def test_a_session_that_goes_on_takes_less_than_a_kilobyte(
    kind: Callable[[int], open_sessions.Told],
) -> None:
    instance = open_sessions._Instance()
    instance.tell(range(40), kind)
    sessions = instance.pipeline.sessions
    bodies = [
        sys.getsizeof(body) + sys.getsizeof(subject) + INDEX_BYTES
        for asleep in sessions.asleep
        if len(asleep) >= 40
        for subject, body in asleep.stored.items()
    ]

    assert instance.open() >= 40
    assert max(bodies) < open_sessions.GOAL_BYTES


def test_everything_in_the_mix_is_taken() -> None:
    count = len(mix.SOURCES) * 3
    entries = list(offline.entries(count, began=1.7e9, per_second=10.0))

    assert len(entries) == count
    assert all(entry.events for entry in entries)


async def test_an_exporter_takes_the_mix_and_every_answer_is_timed() -> None:
    with servers.exporter("0,1") as server:
        outcome, _ = await scraped_load((server,), 60, 1.5, mix.requests())
        text = metrics(server.operations)

    assert outcome.sent == outcome.accepted == len(outcome.latencies)
    assert family(text, "exporter_events_rejected_total") == 0
    assert family(text, "exporter_events_accepted_total") > outcome.sent


@pytest.mark.parametrize("size", [1, 7, 9, 10, 1000])
def test_answers_are_told_apart_however_they_are_cut(size: int) -> None:
    latencies: list[float] = []
    client = load._Client(latencies)
    answers = [b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\n{H:1}"] * 2
    answers += [b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"]
    client._due.extend([0.0] * len(answers))
    text = b"".join(answers)
    for start in range(0, len(text), size):
        client.data_received(text[start : start + size])

    assert (len(latencies), client.refused, client.waiting) == (4, 1, 0)


def test_a_leak_is_the_slope_of_the_line_and_noise_is_none() -> None:
    grows = [(n / 100, 50 + 3 * n / 100 + (-1) ** n) for n in range(200)]
    stays = [(n / 100, 50.0 + (-1) ** n) for n in range(200)]

    assert soak.fit(grows).slope == pytest.approx(3, abs=0.1)
    assert abs(soak.fit(stays).slope) <= 0.1
    assert soak.fit(grows).error < 0.1


def test_a_full_catalogue_keeps_the_budget_and_a_scrape_of_it_is_timed() -> None:
    assert BUDGET - 20 < scraping.full().most_series() <= BUDGET
    assert len(scraping.render(2)) == 2


def test_a_backlog_waits_in_the_outbox_oldest_first(tmp_path: Path) -> None:
    catching_up.fill(tmp_path, 12_000, 1.7e9)
    state = StateFile(tmp_path / "state.db", most_outbox_bytes=2**40)
    parcel = state.next_parcel()

    assert parcel is not None
    assert state.backlog().points == 12_000
    assert len(set(parcel.lines)) == len(parcel.lines) == 5000
    assert int(parcel.lines[0].rpartition(" ")[2]) < int(parcel.lines[-1].rpartition(" ")[2])
    assert parcel.lines[0].startswith("upload,")
    state.close()


def test_what_counting_costs_is_told_by_its_parts() -> None:
    entries = list(offline.entries(60, began=1.7e9, per_second=1.0))
    spent, points = applying.count(entries)

    assert set(spent) == set(applying.PARTS)
    assert spent["apply"] > 0
    assert points > 0


def test_what_takes_long_is_measured_only_by_name() -> None:
    assert options().parse_args([]).suites == []
    assert {"soak", "catchup", "peers"} <= set(LONG)
    assert not set(SHORT) & set(LONG)


def test_every_address_that_takes_beacons_has_a_case_of_its_own_or_a_reader_that_has() -> None:
    kinds = [each for domain in DOMAINS for each in domain.beacons if each.kind]
    registered = {*decoding.readers(), *(f"{each.path}?type={each.kind}" for each in kinds)}
    measured = {case.address for case in decoding.CASES}

    assert registered - measured == set(decoding.ALIASES)
    assert measured <= registered
    assert set(decoding.ALIASES.values()) <= measured


def test_an_alias_has_the_reader_of_what_is_measured() -> None:
    readers = decoding.readers()
    translates = {
        f"{each.path}?type={each.kind}" if each.kind else each.path: each.translate
        for domain in DOMAINS
        for each in domain.beacons
    }
    for alias, measured in decoding.ALIASES.items():
        if alias in translates:
            assert translates[alias] is translates[measured]
        else:
            assert readers[alias] is readers[measured]


def test_what_may_come_in_query_or_headers_is_measured_there_too() -> None:
    in_query = {path for path, form in decoding.readers().items() if form.in_query}
    for path in in_query - set(decoding.ALIASES):
        ways = [case.beacons[0] for case in decoding.CASES if case.path == path]
        assert any(way.body for way in ways)
        assert any(way.query for way in ways)
        assert any(way.headers for way in ways if not way.body)


@pytest.mark.parametrize("case", decoding.CASES, ids=lambda case: f"{case.address} {case.what}")
def test_a_case_has_as_many_events_as_it_is_divided_by(case: decoding.Case) -> None:
    read = case.reading(decoding.readers()[case.path])
    for _ in range(3):
        parsed = read()
        assert (len(parsed.events), parsed.rejected) == (case.events, ())


@pytest.mark.parametrize("pattern", structured.CASES.values(), ids=structured.CASES)
def test_both_who_read_a_dictionary_make_the_same_of_it(pattern: str) -> None:
    for (text,) in reports.lines(pattern):
        theirs, ours = structured.alike(text)
        assert list(theirs.items()) == list(ours.items())


def test_the_reports_have_as_many_members_as_their_names_say() -> None:
    counts = {
        name: len(structured.dictionary(reports.lines(pattern)[0][0]))
        for name, pattern in structured.CASES.items()
    }

    assert counts == {name: int(name.split()[1]) for name in structured.CASES}
