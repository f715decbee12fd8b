"""The page for front-end developers: what it shows is run in Chromium and in a shell."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.clients import film
from tests.clients.screening import Room, Scene, Screening, screen
from tests.clients.snippets import PAGES
from tests.durability.processes import PATIENCE, Exporter, deadline, until

pytestmark = pytest.mark.alone

BODY = """<video muted playsinline width="320" height="180"></video>"""
BEFORE = """
const shown = document.querySelector("video");
watch(shown);
"""
WATCHED = """
video.src = "/film/whole.mp4";
await video.play();
await reached(video, 4);
video.pause();
await sleep(2);
await video.play();
await reached(video, 6);
const length = video.duration;
video.currentTime = length - 2;
await next(video, "ended");
await sleep(1);
window.finish({ seen, length });
"""
CLOSED = """
video.src = "/film/whole.mp4";
await video.play();
await reached(video, 3);
window.finish({ seen, closed: now() });
"""


def played(scenario: str) -> Scene:
    """A page with a film in one file, until all that it sent is counted."""

    async def scene(it: Room) -> Screening:
        told = await it.show("trackers.md", body=BODY, before=BEFORE, scenario=scenario)

        async def watched() -> bool:
            return (
                await it.exporter.value("video_playback_watched_seconds_total", player="other") > 0
            )

        await until(watched)
        await asyncio.sleep(2)  # an end settles for one
        return Screening(told, await it.exporter.samples())

    return scene


def whole(folder: Path) -> None:
    """The pictures of the film in one file, which needs no player."""
    parts = [folder / "init-0.mp4", *(folder / film.segment(n) for n in range(1, 5))]
    (folder / "whole.mp4").write_bytes(b"".join(part.read_bytes() for part in parts))


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Screening]:
    folder = tmp_path_factory.mktemp("trackers")
    scenes = {"watched": played(WATCHED), "closed": played(CLOSED)}
    return asyncio.run(screen(folder, scenes, prepare=whole))


def test_a_video_that_was_watched_is_counted_as_the_element_saw_it(
    screened: dict[str, Screening],
) -> None:
    it = screened["watched"]
    playing = it.at("playing")
    paused = it.at("pause", playing)
    on = it.at("playing", paused)
    over = it.at("ended", on)

    assert it.counts("video_playback_attempts_total") == {"other": 1}
    assert it.counts("video_playback_views_total") == {"no": 1}
    assert it.counts("video_playback_ended_total") == {"finished,other": 1}
    assert it.value("video_playback_watched_seconds_total", player="other") == pytest.approx(
        (paused - playing) + (over - on), abs=0.25
    )
    assert it.value("video_playback_pauses_total") == 1
    assert it.value("video_playback_seeks_total") == 1
    assert it.counts("video_playback_completions_total") == {"yes,desktop": 1}


def test_a_page_that_goes_away_says_how_far_it_came(screened: dict[str, Screening]) -> None:
    it = screened["closed"]

    assert it.value("video_playback_watched_seconds_total", player="other") == pytest.approx(
        it.told["closed"] - it.at("playing"), abs=1.0
    )
    assert it.counts("video_playback_ended_total") == {}


def test_nothing_was_asked_first_and_nothing_refused(screened: dict[str, Screening]) -> None:
    for name, it in screened.items():
        # /v1/schema was asked for once, by the test.
        assert set(it.counts("exporter_http_responses_total")) == {"200", "202"}, name
        assert it.counts("exporter_events_rejected_total") == {}, name


async def test_what_is_said_by_hand_is_taken(tmp_path: Path) -> None:
    text = (PAGES / "trackers.md").read_text()
    (script,) = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    exporter = Exporter(tmp_path, {"SESSIONS__SETTLE_SECONDS": 1.0})
    await exporter.start()
    try:
        process = await asyncio.create_subprocess_exec(
            *("sh", "-e", "-c", script.replace("COLLECTOR_URL", exporter.url)),
            stdout=asyncio.subprocess.PIPE,
        )
        async with deadline(process, PATIENCE):
            printed, _ = await process.communicate()

        async def over() -> bool:
            labels: dict[str, Any] = {"outcome": "finished", "player": "other"}
            return await exporter.value("video_playback_ended_total", **labels) == 1

        await until(over)
        completed = {"completed": "yes", "device": "other"}
        completions = await exporter.value("video_playback_completions_total", **completed)
    finally:
        await exporter.stop()

    answer = b'{"success":true,"accepted":1,"duplicate":0,"rejected":[]}'
    assert printed == 3 * answer
    assert completions == 1
