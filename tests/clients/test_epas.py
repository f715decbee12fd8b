"""Eyevinn's SDK for EPAS, in Chromium on hls.js and in Node: what happened is counted."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from exporter.formats.epas import HEARTBEAT_MS
from tests.clients import film
from tests.clients.browser import NODE, NODE_MODULES
from tests.clients.screening import Room, Scene, Screening, ended, screen
from tests.durability.processes import PATIENCE, Exporter, deadline, until

pytestmark = pytest.mark.alone

SDK = "@eyevinn/player-analytics-client-sdk-web"
SPECIFICATION = "@eyevinn/player-analytics-specification/package.json"
IMPORTS = {
    SDK: f"/npm/{SDK}/dist/module.js",
    "@eyevinn/media-event-filter": "/npm/@eyevinn/media-event-filter/build/mef.min.js",
    SPECIFICATION: f"/json/{SPECIFICATION}",
}
BODY = """<script src="/npm/hls.js/dist/hls.min.js"></script>
<video muted playsinline width="320" height="180"></video>"""
BEFORE = """
const video = document.querySelector("video");
watch(video);
const hls = new Hls();
"""
FILM = """
const began = now();
hls.loadSource("/film/master.m3u8");
hls.attachMedia(video);
"""
WHOLE = f"""{FILM}
analytics.reportBitrateChange({{ bitrate: 250 }});
video.play();
await next(video, "playing");
await next(video, "waiting");
await sleep(4);
await release();
await reached(video, 9);
video.pause();
await sleep(2);
video.currentTime = 10;
await next(video, "seeked");
await sleep(1);
await video.play();
await next(video, "ended");
await sleep(0.5);
window.finish({{ seen, began }});
"""
UNWANTED = f"""{FILM}
await next(video, "canplay");
await sleep(1);
window.finish({{ seen, began }});
"""
FAILED = f"""{FILM}
video.play();
await reached(video, 3);
analytics.reportWarning({{ category: "NETWORK", code: "503", message: "of ann@example.com" }});
analytics.reportError({{ category: "DECODER", code: "3", message: "pts of /x?token=secret" }});
await sleep(0.5);
window.finish({{ seen, began }});
"""
LEFT = f"""{FILM}
video.play();
await reached(video, 3);
const left = now();
analytics.reportStop();
await sleep(0.5);
window.finish({{ seen, began, left }});
"""


async def show(it: Room, scenario: str, held: str = "") -> dict[str, Any]:
    return await it.show(
        "epas.md", body=BODY, before=BEFORE, scenario=scenario, imports=IMPORTS, held=held
    )


def played(scenario: str, held: str = "") -> Scene:
    """A page, until its play is over."""

    async def scene(it: Room) -> Screening:
        told = await show(it, scenario, held)
        return Screening(told, await ended(it))

    return scene


async def unwanted(it: Room) -> Screening:
    """A page that nobody looks at, until it is forgotten."""
    told = await show(it, UNWANTED)
    open_play = frozenset({("lifecycle", "play")})
    assert (await it.exporter.samples())["exporter_open_sessions", open_play] == 1

    async def forgotten() -> bool:
        return not (await it.exporter.samples())["exporter_open_sessions", open_play]

    await until(forgotten)
    return Screening(told, await it.exporter.samples())


SCENES: dict[str, Scene] = {
    "whole": played(WHOLE, film.segment(2)),
    "unwanted": unwanted,
    "failed": played(FAILED),
    "left": played(LEFT),
}


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Screening]:
    folder = tmp_path_factory.mktemp("epas")
    return asyncio.run(screen(folder, SCENES, SESSIONS__SILENCE_SECONDS__PLAY=20.0))


def test_a_play_with_a_stall_a_pause_and_a_jump_is_counted_as_the_element_saw_it(
    screened: dict[str, Screening],
) -> None:
    it = screened["whole"]
    playing = it.at("playing")
    stalled = it.at("waiting", playing)
    again = it.at("playing", stalled)
    paused = it.at("pause", again)
    over = it.at("ended", paused)
    # On a busy machine it may wait once more after the jump, before it goes on.
    on = max(at for name, at in it.seen if name == "playing" and at < over)

    assert it.counts("video_playback_attempts_total") == {"other": 1}
    assert it.counts("video_playback_started_total") == {"other": 1}
    assert it.counts("video_playback_ended_total") == {"finished,other": 1}
    assert it.counts("video_playback_stalls_total") == {"other": 1}
    assert it.value("video_playback_stalled_seconds_total", player="other") == pytest.approx(
        again - stalled, abs=0.25
    )
    assert it.value("video_playback_stall_seconds_sum") == pytest.approx(again - stalled, abs=0.25)
    assert it.value("video_playback_watched_seconds_total", player="other") == pytest.approx(
        (paused - playing) + (over - on), abs=0.25
    )
    assert it.value("video_playback_pauses_total") == 1
    assert it.value("video_playback_seeks_total") == 1
    assert it.value("video_playback_completions_total", device="desktop", completed="yes") == 1


def test_startup_is_how_long_it_loaded(screened: dict[str, Screening]) -> None:
    it = screened["whole"]
    loaded = min(it.at("canplaythrough"), it.at("playing"))

    assert it.value("video_playback_startup_by_player_seconds_count", player="other") == 1
    assert it.value(
        "video_playback_startup_by_player_seconds_sum", player="other"
    ) == pytest.approx(loaded - it.told["began"], abs=0.25)


def test_the_bitrate_is_the_one_that_the_page_reported(screened: dict[str, Screening]) -> None:
    it = screened["whole"]
    media = it.value("video_playback_media_seconds_total", device="desktop")

    assert media > 10
    assert it.value("video_playback_bits_total", device="desktop") == pytest.approx(250_000 * media)
    assert it.value("video_playback_quality_changes_total") == 0


def test_a_player_that_is_there_and_not_wanted_is_no_attempt(
    screened: dict[str, Screening],
) -> None:
    it = screened["unwanted"]

    # init, metadata, loading and loaded
    assert it.counts("exporter_events_accepted_total") == {"playback.prepared": 4}
    assert it.counts("video_playback_attempts_total") == {}
    assert it.counts("video_playback_ended_total") == {}


def test_an_error_is_the_end_and_a_warning_is_none(screened: dict[str, Screening]) -> None:
    it = screened["failed"]

    assert it.counts("video_playback_ended_total") == {"failed,other": 1}
    assert it.counts("video_playback_errors_total") == {"media": 1, "network": 1}


def test_who_goes_away_has_left(screened: dict[str, Screening]) -> None:
    it = screened["left"]

    assert it.counts("video_playback_ended_total") == {"left,other": 1}
    assert it.counts("video_playback_ended_by_device_total") == {"desktop,left": 1}
    assert it.value("video_playback_watched_seconds_total", player="other") == pytest.approx(
        it.told["left"] - it.at("playing"), abs=0.25
    )


def test_nothing_of_it_is_refused(screened: dict[str, Screening]) -> None:
    for name, it in screened.items():
        assert it.counts("exporter_events_rejected_total") == {}, name
        assert it.counts("exporter_apply_errors_total") == {}, name
        assert set(it.counts("exporter_http_responses_total")) <= {"200", "204"}, name


# -- without a page --------------------------------------------------------------------------

BY_HAND = """
import {{ createRequire }} from "node:module";
const {{ PlayerAnalytics }} = createRequire("{modules}/")("{sdk}");
const analytics = new PlayerAnalytics("{url}/epas");
const told = await analytics.initiateAnalyticsReporter({{}});
const event = (name, payload) =>
  ({{ event: name, timestamp: Date.now(), playhead: 1, duration: 60, payload }});
analytics.playing(event("playing"));
await new Promise((fulfil) => setTimeout(fulfil, 1500));
analytics.stopped(event("stopped", {{ reason: "ended" }}));
console.log(JSON.stringify(told));
"""
CONNECTED = """
import {{ createRequire }} from "node:module";
const {{ PlayerAnalyticsConnector }} = createRequire("{modules}/")("{sdk}");
const analytics = new PlayerAnalyticsConnector("{url}/epas");
await analytics.init({{}});
analytics.reportMetadata({{ contentId: "movie-42" }});
"""


async def node(script: str) -> str:
    """Run a module; what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(NODE, "--input-type=module", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with deadline(process, PATIENCE):
        printed, _ = await process.communicate(script.encode())
    assert process.returncode == 0
    return printed.decode()


def scripted(script: str, exporter: Exporter) -> str:
    return script.format(modules=NODE_MODULES, sdk=SDK, url=exporter.url)


async def test_a_session_that_the_collector_names_is_followed_to_its_end(tmp_path: Path) -> None:
    exporter = Exporter(tmp_path, {"SESSIONS__SETTLE_SECONDS": 1.0})
    await exporter.start()
    try:
        told = await node(scripted(BY_HAND, exporter))

        async def over() -> bool:
            ends = {"outcome": "finished", "player": "other"}
            return await exporter.value("video_playback_ended_total", **ends) == 1

        await until(over)
        watched = await exporter.value("video_playback_watched_seconds_total", player="other")
    finally:
        await exporter.stop()

    assert '"sessionId":"' in told
    assert f'"heartbeatInterval":{HEARTBEAT_MS}' in told
    assert watched == pytest.approx(1.5, abs=0.25)


async def test_the_connector_forgets_the_name_that_it_was_given(tmp_path: Path) -> None:
    """Why its page says that a session id is needed: a release that repairs it will fail here."""
    exporter = Exporter(tmp_path)
    await exporter.start()
    try:
        await node(scripted(CONNECTED, exporter))
        code = str(HTTPStatus.BAD_REQUEST.value)
        answered = await exporter.value("exporter_http_responses_total", code=code)

        async def refused() -> bool:
            reason = {"reason": "incomplete"}
            return await exporter.value("exporter_events_rejected_total", **reason) == 1

        await until(refused)
    finally:
        await exporter.stop()

    assert answered == 1
