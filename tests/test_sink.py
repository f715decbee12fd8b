"""A parcel that a sink will not take is split until the culprits stand alone."""

import math
from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from exporter.sink import SinkAwayError, SinkBusyError, SinkRefusedError, deliver
from exporter.sinks.influx import InfluxSink
from tests.fakes import FakeSink, refuses

LINES = [f"m x={number} {number}" for number in range(100)]


async def test_a_parcel_that_is_taken_is_one_request() -> None:
    sink = FakeSink()

    assert await deliver(sink, LINES) == []
    assert sink.asked == [tuple(LINES)]


async def test_a_refused_line_costs_one_line_and_few_requests() -> None:
    sink = FakeSink(refuses(LINES[33]))

    assert await deliver(sink, LINES) == [(LINES[33], f"400: {LINES[33]}")]
    assert list(sink.kept) == [line for line in LINES if line != LINES[33]]
    assert len(sink.asked) <= 2 * math.ceil(math.log2(len(LINES))) + 1


@given(st.sets(st.integers(0, 99)))
@bounded(max_examples=50)
async def test_every_culprit_is_found_and_everything_else_arrives(culprits: set[int]) -> None:
    wrong = [LINES[number] for number in sorted(culprits)]
    sink = FakeSink(refuses(*wrong))

    assert [line for line, _ in await deliver(sink, LINES)] == wrong
    assert set(sink.kept) == set(LINES) - set(wrong)


@pytest.mark.parametrize("error", [SinkAwayError, SinkBusyError])
async def test_a_sink_that_goes_away_while_a_culprit_is_sought_gets_all_of_it_again(
    error: type[Exception],
) -> None:
    finds = refuses(LINES[70])

    def plan(lines: Sequence[str]) -> None:
        if len(sink.asked) == 4:
            raise error("later")
        finds(lines)

    sink = FakeSink(plan)
    with pytest.raises(error):
        await deliver(sink, LINES)
    again = await deliver(sink, LINES)

    assert [line for line, _ in again] == [LINES[70]]
    assert set(sink.kept) == set(LINES) - {LINES[70]}


# -- what an answer of InfluxDB means --------------------------------------------------------


class Answers:
    """An address that answers every request in one way."""

    def __init__(self) -> None:
        self.status = 204
        self.headers: dict[str, str] = {}
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
async def answers() -> AsyncIterator[Answers]:
    found = Answers()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.answer)
    async with TestServer(app) as server:
        found.url = str(server.make_url("/"))
        yield found


@pytest.mark.parametrize("status", [401, 403, 404, 405, 406, 411, 415, 418, 301, 307])
async def test_an_answer_that_is_not_about_the_lines_never_costs_a_line(
    answers: Answers, status: int
) -> None:
    """An address that is not InfluxDB's must not have all points set aside, one by one."""
    answers.status = status
    sink = InfluxSink(url=answers.url, token="", org="o", bucket="b", timeout_seconds=5)
    try:
        with pytest.raises(SinkAwayError, match=str(status)):
            await sink.write(LINES)
    finally:
        await sink.close()


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_an_answer_about_the_lines_refuses_them(answers: Answers, status: int) -> None:
    answers.status = status
    sink = InfluxSink(url=answers.url, token="", org="o", bucket="b", timeout_seconds=5)
    try:
        with pytest.raises(SinkRefusedError, match=str(status)):
            await sink.write(LINES)
    finally:
        await sink.close()
