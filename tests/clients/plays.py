"""A player in every situation: what its <video> element said, what it posted, what was counted."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tests.clients import film
from tests.clients.browser import Browser, chromium
from tests.clients.site import Post, Site, Stage, site
from tests.clients.snippets import snippet
from tests.durability.processes import Exporter, Samples

_moments = re.compile(r"\bts=(\d+)").findall

SILENCE = 15.0  # seconds; the players say every ten that they are there
SETTLE = 1.0
LONGEST = 150.0  # seconds that a play, or the count of its end, may take on a busy machine
APART = 0.7  # seconds between two starts, so that no player starts while another one does


class Player(NamedTuple):
    """A player as its package ships it; ``label`` is what it is counted as."""

    page: str
    library: str
    manifest: str
    label: str


HLS_JS = Player("hls.js.md", "hls.js/dist/hls.min.js", film.HLS, "hls.js")
DASH_JS = Player("dash.js.md", "dashjs/dist/modern/umd/dash.all.min.js", film.DASH, "dash.js")
SHAKA = Player("shaka.md", "shaka-player/dist/shaka-player.compiled.js", film.DASH, "shaka")
SHAKA_DEBUG = SHAKA._replace(library="shaka-player/dist/shaka-player.compiled.debug.js")


class Situation(NamedTuple):
    """What happens to a play (``page.js`` has the part of the person)."""

    name: str
    held: str = ""
    slow: tuple[str, float] = ("", 0.0)
    broken: bool = False
    stormy_seconds: float = 0.0
    settings: Mapping[str, object] = {}
    counted: bool = True
    may_break: bool = False


SITUATIONS = (
    Situation("whole", held=film.segment(2)),
    Situation("unplayable", broken=True, may_break=True),
    Situation("left", held=film.segment(1)),
    Situation("sought", held=film.segment(2), slow=(film.segment(4), 2.0)),
    Situation("paused"),
    Situation("stormy", stormy_seconds=10.0),
    Situation("refused", settings={"CMCD__UNWANTED_ORIGINS": "*"}, counted=False),
)


class Seen(NamedTuple):
    """An event of the <video> element, by the clock of its page."""

    name: str
    at: float
    position: float


CLOSE = 0.25  # seconds


class Between(NamedTuple):
    """Seconds that are known by their limits; what is close to them is equal."""

    least: float
    most: float

    def __contains__(self, seconds: object) -> bool:
        return isinstance(seconds, float) and self.least - CLOSE < seconds < self.most + CLOSE


class Play:
    """What a play was, from three sides."""

    def __init__(
        self, told: Mapping[str, Any], posts: Sequence[Post], counted: Samples, player: Player
    ) -> None:
        self.asked, self.begun = (at / 1000 for at in told["asked"])
        self.left = told["left"] / 1000
        self.events = [Seen(e["name"], e["at"] / 1000, e["position"]) for e in told["events"]]
        self.posts = posts
        self.counted = counted
        self.player = player

    def at(self, name: str, since: float = 0.0) -> float:
        """When the element first said something, or first after a moment."""
        return next(each.at for each in self.events if each.name == name and each.at >= since)

    def since_asked(self, at: float, but: float = 0.0) -> Between:
        """From the call of the player, which takes its time to begin on a busy machine."""
        return Between(at - self.begun - but, at - self.asked - but)

    @property
    def startup(self) -> Between:
        """From the call of the player to the first frame."""
        return self.since_asked(self.at("playing"))

    @property
    def stalls(self) -> list[float]:
        """How long each wait for data took that was neither startup nor a jump."""
        found = []
        moving, since = False, None
        for each in self.events:
            if each.name == "waiting" and moving:
                since = each.at
            elif each.name == "playing" and since is not None:
                found.append(each.at - since)
            if each.name in {"playing", "seeking", "pause", "ended"}:
                moving, since = each.name == "playing", None
        return found

    @property
    def last_word(self) -> float:
        """When what the player told last happened, by its own clock."""
        return max(int(at) for post in self.posts for at in _moments(post.body)) / 1000

    @property
    def paused_by_leaving(self) -> int:
        """How often it was paused because its page went away; not every player gets to say so."""
        return sum(
            "sta=a" in line and int(at) / 1000 >= self.left
            for line in self.told
            for at in _moments(line)
        )

    @property
    def told(self) -> set[str]:
        """The different reports among all that were posted."""
        return {line for post in self.posts for line in post.body.splitlines()}

    def value(self, name: str, **labels: str) -> float:
        """A number of the exporter."""
        return self.counted[name, frozenset(labels.items())]

    def of_player(self, name: str, **labels: str) -> float:
        """A number of the exporter about this player."""
        return self.value(f"video_playback_{name}", player=self.player.label, **labels)

    def by(self, label: str, name: str) -> dict[str, float]:
        """Every number of a family that is not 0, by one of its labels."""
        return {
            dict(labels)[label]: value
            for (each, labels), value in self.counted.items()
            if each == name and value
        }

    @property
    def outcomes(self) -> dict[str, float]:
        """How plays have ended, of any player."""
        return self.by("outcome", "video_playback_ended_total")

    @property
    def errors(self) -> dict[str, float]:
        """What kinds of errors were met."""
        return self.by("error_type", "video_playback_errors_total")

    @property
    def repairs(self) -> dict[str, float]:
        """What had to be repaired."""
        return self.by("reason", "video_player_repairs_total")

    def __str__(self) -> str:
        """The whole story, for whoever has to find out why numbers differ."""
        rows = [(each.at, f"{each.name} at {each.position:.2f}") for each in self.events]
        rows += [(post.at, f"-> {post.status} {post.body.strip()}") for post in self.posts]
        numbers = [
            f"{name} {sorted(labels)} {value:g}"
            for (name, labels), value in self.counted.items()
            if value and name.startswith(("video_playback", "exporter_events"))
        ]
        told = [f"{at - self.asked:8.3f} {what}" for at, what in sorted(rows)]
        return "\n".join([*told, *(each for each in numbers if "_bucket" not in each)])


async def _play(
    browser: Browser, theatre: Site, exporter: Exporter, player: Player, situation: Situation
) -> Play:
    stage = Stage(
        library=player.library,
        scenario=situation.name,
        manifest=player.manifest,
        exporter=exporter.url,
        held=situation.held,
        slow=situation.slow,
        broken=situation.broken,
        stormy_seconds=situation.stormy_seconds,
    )
    address = theatre.put_on(stage)
    stage.snippet = snippet(player.page, theatre.collector(stage))
    told = await browser.visit(address, seconds=LONGEST, may_break=situation.may_break)
    await asyncio.sleep(SETTLE)  # for the posts that outlive their page

    play = Play(told, tuple(stage.posts), await exporter.samples(), player)
    if situation.counted:
        until = time.monotonic() + LONGEST
        while not play.outcomes:
            assert time.monotonic() < until, f"no end was counted:\n{play}"
            await asyncio.sleep(0.2)
            play.counted = await exporter.samples()
    return play


async def _play_all(player: Player, folder: Path, scenes: Path) -> dict[str, Play]:
    """Every situation, each with an exporter of its own."""
    async with AsyncExitStack() as stack:
        theatre = await stack.enter_async_context(site(scenes))
        settings = {
            "RECEIVER__ORIGINS": theatre.pages,
            "SESSIONS__SILENCE_SECONDS__PLAY": SILENCE,
            "SESSIONS__SETTLE_SECONDS": SETTLE,
        }
        exporters = [
            await stack.enter_async_context(
                Exporter(folder / situation.name, {**settings, **situation.settings})
            )
            for situation in SITUATIONS
        ]
        browser = await stack.enter_async_context(chromium(folder))
        plays = []
        for situation, exporter in zip(SITUATIONS, exporters, strict=True):
            play = _play(browser, theatre, exporter, player, situation)
            plays.append(asyncio.create_task(play, name=situation.name))
            await asyncio.sleep(APART)
        await asyncio.wait(plays)
    for task in plays:
        if (error := task.exception()) is not None:
            raise AssertionError(f"{player.library}, {task.get_name()}") from error
    return {task.get_name(): task.result() for task in plays}


def play_all(player: Player, folder: Path, scenes: Path) -> dict[str, Play]:
    """Every situation of a player, by its name."""
    return asyncio.run(_play_all(player, folder, scenes))
