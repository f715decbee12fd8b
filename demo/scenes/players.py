"""People who watch with a player that sends CMCD: hls.js, dash.js with its defects, Shaka."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from demo.hours import GOOD, Weather
from demo.message import Message
from demo.scenes.flow import Times, flow
from demo.world import Person, pick, somebody, spread

PER_SECOND: Final = 0.3
INTERVAL: Final = 10.0
"""Seconds after which a player says that it is there."""

PLAYERS: Final = ((5.0, "hls.js"), (3.0, "dash.js"), (2.0, "shaka"))
NAMELESS: Final = 0.1
"""Share of dash.js that is used as it comes, and names no session."""

LADDER: Final = (600, 1200, 2800, 5200)
"""kbit/s."""

FULL: Final = 30.0
"""Seconds of media that a player wants to have ahead."""


class Cdn(NamedTuple):
    """Where media come from: how often, its name, and how it answers."""

    weight: float
    name: str
    ttfb_ms: float
    speed: float
    """The share of somebody's line that it fills."""


CDNS: Final = (
    Cdn(5.0, "cloudfront", 55.0, 0.95),
    Cdn(3.0, "fastly", 45.0, 0.95),
    Cdn(2.0, "akamai", 110.0, 0.6),
)
"""The last one is far away."""

Moment = tuple[float, str, str]
"""Seconds after the page was opened, the event, and the state."""


class Watching(NamedTuple):
    """One play: who watches what, with which player."""

    times: Times
    rng: Random
    name: str
    began: float
    person: Person
    player: str
    cdn: Cdn
    weather: Weather

    @property
    def throughput(self) -> float:
        """What arrives, in kbit/s."""
        return self.person.bytes_per_second * 8 / 1000 * self.cdn.speed


def messages(times: Times, rng: Random) -> Iterator[Message]:
    """Plays that overlap."""
    return flow(times, rng, PER_SECOND, "cmcd", lambda name, at: _play(times, rng, name, at))


def _play(times: Times, rng: Random, name: str, began: float) -> Iterator[Message]:
    weather = times.weather(began)
    person = somebody(rng, weather.slowing)
    player, cdn = pick(rng, PLAYERS), pick(rng, [(each.weight, each) for each in CDNS])
    watching = Watching(times, rng, name, began, person, player, cdn, weather)
    session = str(UUID(bytes=blake2b(name.encode(), digest_size=16).digest()))
    nameless = watching.player == "dash.js" and rng.random() < NAMELESS
    video = f"video-{rng.randint(1, 18):02}"
    rate = pick(rng, [(1.0, each) for each in LADDER])
    measured = False
    for number, (after, event, state) in enumerate(_moments(watching)):
        said = {"e": event, "ts": str(times.milliseconds(began + after)), "v": "2"}
        if not nameless:
            said |= {"sid": f'"{session}"', "cid": f'"{video}"', "sn": str(number)}
            said |= _measured(watching, rate, event, state)
            if watching.player == "dash.js" and not measured:
                said["msd"], measured = "1", True
            elif watching.player == "shaka" and state == "p" and not measured:
                said["msd"], measured = str(round(after * 1000)), True
        yield _report(watching, after, said)


def _moments(watching: Watching) -> Iterator[Moment]:
    """What becomes of a play."""
    rng, slow = watching.rng, watching.weather.slowing
    at = spread(rng, 0.7 * slow**0.5, 0.4)
    yield 0.0, "ps", "s"
    if rng.random() < (0.004 if watching.weather is GOOD else 0.06):
        yield at, "ps", "f"
        yield at, "e", "f"
        return
    if watching.player == "dash.js":
        yield at - 0.006, "ps", "r"
    yield at, "ps", "p"
    over = at + spread(rng, 90.0, 0.6)
    while at + INTERVAL < over:
        yield at + 0.5, "rr", "p"
        at += INTERVAL
        yield at, "t", "p"
        if rng.random() < 0.03 * slow**2:
            yield at + 1.0, "ps", "r"
            at += 1.0 + spread(rng, 0.7 * slow, 0.5)
            yield at, "ps", "p"
        elif rng.random() < 0.04:
            yield at + 1.0, "ps", pick(rng, ((1.0, "a"), (1.0, "k")))
            at += 1.0 + spread(rng, 4.0, 0.4)
            yield at, "ps", "p"
    if rng.random() < 0.6:
        yield over, "ps", "e"


def _measured(watching: Watching, rate: int, event: str, state: str) -> dict[str, str]:
    rng, cdn = watching.rng, watching.cdn
    throughput = _hundreds(spread(rng, watching.throughput, 0.2))
    # Who has fewer than twice what is played has little ahead; who stands still has nothing.
    ahead = FULL * min(1.0, throughput / rate / 4) if state in {"p", "a", "k", "e"} else 0.0
    buffer = _hundreds(spread(rng, 1000 * ahead, 0.2)) if ahead else 0
    said = {"sf": "h", "sta": state, "br": f"({rate})", "mtp": f"({throughput})"}
    said |= {"bl": f"({buffer})", "cdn": f'"{cdn.name}"'}
    if watching.player == "dash.js":
        said |= {"sf": "d", "br": f"({rate};v 128;a)", "mtp": f"({throughput};v {throughput};a)"}
        said["bl"] = f"({buffer};v {buffer};a)"
    if watching.player == "shaka":
        # As it is compiled, it has no states.
        del said["sta"]
    if event == "rr":
        ttfb = spread(rng, cdn.ttfb_ms * watching.weather.slowing, 0.5)
        said |= {"rc": "200", "ttfb": str(round(ttfb))}
        if watching.player == "dash.js":
            said["ttfb"] = str(watching.times.milliseconds(watching.began))
    if event == "e":
        said["ec"] = "25" if watching.player == "dash.js" else '("manifestLoadError")'
    return said


def _hundreds(number: float) -> int:
    """As CMCD rounds: who reads it may not learn too much of anybody."""
    return round(number / 100) * 100


def _report(watching: Watching, after: float, said: dict[str, str]) -> Message:
    line = ",".join(f"{key}={value}" for key, value in sorted(said.items()))
    headers = {
        "Content-Type": "application/cmcd",
        "User-Agent": watching.person.device.user_agent,
    }
    path = f"/cmcd/{watching.player}"
    return Message(watching.began + after, path, headers, f"{line}\n".encode())
