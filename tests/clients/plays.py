"""A player in every situation: what its <video> element said, what it posted, what was counted."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.clients import film
from tests.clients.browser import Browser, chromium
from tests.clients.site import Post, Site, Stage, site
from tests.clients.snippets import snippet
from tests.durability.processes import Exporter, Samples, until

SILENCE = 12.0  # seconds; the players say every ten that they are there
SETTLE = 1.0
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
    Situation("refused", settings={}, counted=False),
)


class Seen(NamedTuple):
    """An event of the <video> element, by the clock of its page."""

    name: str
    at: float
    position: float


class Play:
    """What a play was, from three sides."""

    def __init__(
        self, told: Mapping[str, Any], posts: Sequence[Post], counted: Samples, player: Player
    ) -> None:
        self.began = told["began"] / 1000
        self.left = told["left"] / 1000
        self.events = [Seen(e["name"], e["at"] / 1000, e["position"]) for e in told["events"]]
        self.posts = posts
        self.counted = counted
        self.player = player

    def at(self, name: str, since: float = 0.0) -> float:
        """When the element first said something, or first after a moment."""
        return next(e.at for e in self.events if e.name == name and e.at >= since)

    def all(self, name: str) -> list[float]:
        """Every time that it said something."""
        return [e.at for e in self.events if e.name == name]

    def value(self, name: str, **labels: str) -> float:
        """A number of the exporter."""
        return self.counted[name, frozenset(labels.items())]

    def nonzero(self, prefix: str = "video_playback_") -> dict[str, float]:
        """Everything counted, to look at."""
        return {
            f"{name}{dict(labels)}": value
            for (name, labels), value in self.counted.items()
            if value and name.startswith(prefix) and "bucket" not in name
        }


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
    stage.snippet = snippet(player.page, f"{theatre.collector(stage)}/cmcd")
    told = await browser.visit(address, may_break=situation.may_break)

    async def over() -> bool:
        samples = await exporter.samples()
        return any(v for (n, _), v in samples.items() if n == "video_playback_ended_total")

    if situation.counted:
        await until(over)
    return Play(told, stage.posts, await exporter.samples(), player)


async def _play_all(player: Player, folder: Path, scenes: Path) -> dict[str, Play]:
    """Every situation, each with an exporter of its own."""
    async with site(scenes) as theatre, chromium(folder) as browser:
        exporters = []
        try:
            for situation in SITUATIONS:
                exporter = Exporter(
                    folder / situation.name,
                    {
                        "RECEIVER__ORIGINS": theatre.pages,
                        "SESSIONS__SILENCE_SECONDS__PLAY": SILENCE,
                        "SESSIONS__SETTLE_SECONDS": SETTLE,
                        **situation.settings,
                    },
                )
                exporters.append(exporter)
                await exporter.start()
            plays = []
            async with asyncio.TaskGroup() as group:
                for situation, exporter in zip(SITUATIONS, exporters, strict=True):
                    plays.append(
                        group.create_task(_play(browser, theatre, exporter, player, situation))
                    )
                    await asyncio.sleep(APART)
        finally:
            for exporter in exporters:
                await exporter.stop()
    return {
        situation.name: play.result() for situation, play in zip(SITUATIONS, plays, strict=True)
    }


def play_all(player: Player, folder: Path, scenes: Path) -> dict[str, Play]:
    """Every situation of a player, by its name."""
    return asyncio.run(_play_all(player, folder, scenes))
