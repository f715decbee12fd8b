"""Beacons that were lost on their way are known by their numbers, each and no other."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import aiohttp

from tests.durability.processes import Exporter, Samples, until

PLAYS = 20
REPORTS = 100
LOST = 0.03
AGAIN = 0.05
AT_ONCE = 8
AT = 1_795_227_669_142
CMCD = frozenset({("format", "cmcd")})


def report(play: int, number: int) -> bytes:
    """What a player posts each second: it starts, plays, and is at its end."""
    state = {0: "s", REPORTS - 1: "e"}.get(number, "p")
    event = "ps" if state != "p" or number == 1 else "t"
    at = AT + 1000 * number
    return f'e={event},sta={state},sid="play-{play}",sn={number},ts={at},v=2'.encode()


async def post(exporter: Exporter, bodies: list[bytes]) -> None:
    """Post each; some at the same time, so that they overtake each other."""
    waiting = iter(bodies)

    async def work(http: aiohttp.ClientSession) -> None:
        for body in waiting:
            async with http.post(f"{exporter.url}/cmcd/native", data=body) as answer:
                assert answer.status == 204

    headers = {"Content-Type": "application/cmcd"}
    async with aiohttp.ClientSession(headers=headers) as http, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work(http))


async def over(exporter: Exporter) -> Samples:
    """The page when all plays are."""

    async def all_ended() -> bool:
        page = await exporter.samples()
        ends = {
            dict(labels)["outcome"]: value
            for (name, labels), value in page.items()
            if name == "video_playback_ended_total" and value
        }
        return ends == {"finished": PLAYS}

    await until(all_ended)
    return await exporter.samples()


async def test_the_gaps_that_are_counted_are_the_beacons_that_were_lost(tmp_path: Path) -> None:
    chance = random.Random(22)  # noqa: S311 - a seed, not a secret
    settings = {"SESSIONS__SETTLE_SECONDS": 1}
    async with Exporter(tmp_path, settings) as exporter:
        lost = Counter[int]()
        middle, ends = list[bytes](), list[bytes]()
        for play in range(PLAYS):
            # Nothing can tell of a first or last beacon that there was one, so those arrive.
            await post(exporter, [report(play, 0)])
            for number in range(1, REPORTS - 1):
                if chance.random() < LOST:
                    lost[play] += 1
                else:
                    again = 2 if chance.random() < AGAIN else 1
                    middle += [report(play, number)] * again
            ends.append(report(play, REPORTS - 1))
        await post(exporter, sorted(middle, key=lambda _: chance.random()))
        await exporter.kill()
        await exporter.start()
        await post(exporter, ends)
        page = await over(exporter)

    assert lost.total() > 30
    assert page["video_playback_beacons_expected_total", CMCD] == PLAYS * REPORTS
    assert page["video_playback_beacons_missing_total", CMCD] == lost.total()
    repeats = len(middle) - (PLAYS * (REPORTS - 2) - lost.total())
    assert page["exporter_events_duplicate_total", frozenset()] == repeats > 30
