"""Pillarbox itself, in Chromium, with the snippet of its page: what happened is counted."""

import asyncio

import pytest

from tests.clients import film
from tests.clients.screening import Room, Scene, Screening, ended, screen
from tests.durability.processes import until

pytestmark = pytest.mark.alone

BODY = """<script src="/npm/@srgssr/pillarbox-web/dist/pillarbox.umd.min.js"></script>
<video-js id="player" class="pillarbox-js" width="320" height="180"></video-js>"""
BEFORE = "const { pillarbox, srgssr } = window;"
HEARTBEAT = 1.0
SET_UP = f"""
monitoring.heartbeatInterval = {1000 * HEARTBEAT};
const video = player.el().querySelector("video");
watch(video);
const began = now();
"""
FILM = """player.src({ src: "/film/master.m3u8", type: "application/x-mpegURL" });"""

WHOLE = f"""{SET_UP}{FILM}
await player.play();
await next(video, "waiting");
await sleep(4);
await release();
await reached(video, 9);
player.pause();
await sleep(3);
const played = monitoring.playbackDuration() / 1000;
await player.play();
await next(video, "ended");
await sleep(0.5);
window.finish({{ seen, began, played, session: monitoring.currentSessionId ?? null }});
"""
UNWANTED = f"""{SET_UP}{FILM}
await next(video, "canplay");
await sleep(2);
window.finish({{ seen, began }});
"""
UNPLAYABLE = f"""{SET_UP}
player.src({{ src: "/film/none.m3u8?hdnts=secret", type: "application/x-mpegURL" }});
player.play().catch(() => {{}});
await new Promise((fulfil) => player.one("error", fulfil));
// A busy machine takes its time to tell of it.
const sent = (each) => new URL(each.name).pathname.endsWith("/pillarbox");
while (!performance.getEntriesByType("resource").some(sent)) await sleep(0.1);
await sleep(0.5);
window.finish({{ seen, began }});
"""
LEFT = f"""{SET_UP}{FILM}
await player.play();
await reached(video, 3);
const left = now();
player.dispose();
await sleep(0.5);
window.finish({{ seen, began, left }});
"""


def played(scenario: str, *, held: str = "", may_break: bool = False) -> Scene:
    """A page, until its play is over."""

    async def scene(it: Room) -> Screening:
        told = await it.show(
            "pillarbox.md",
            body=BODY,
            before=BEFORE,
            scenario=scenario,
            held=held,
            may_break=may_break,
        )
        return Screening(told, await ended(it))

    return scene


async def unwanted(it: Room) -> Screening:
    """A page that nobody looks at, until it is forgotten."""
    told = await it.show("pillarbox.md", body=BODY, before=BEFORE, scenario=UNWANTED)
    open_play = frozenset({("lifecycle", "play")})
    assert (await it.exporter.samples())["exporter_open_sessions", open_play] == 1

    async def forgotten() -> bool:
        return not (await it.exporter.samples())["exporter_open_sessions", open_play]

    await until(forgotten)
    return Screening(told, await it.exporter.samples())


SCENES: dict[str, Scene] = {
    "whole": played(WHOLE, held=film.segment(2)),
    "unwanted": unwanted,
    "unplayable": played(UNPLAYABLE, may_break=True),
    "left": played(LEFT),
}


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Screening]:
    folder = tmp_path_factory.mktemp("pillarbox")
    return asyncio.run(screen(folder, SCENES, SESSIONS__SILENCE_SECONDS__PLAY=5.0))


def test_a_play_with_a_stall_and_a_pause_is_counted_as_the_element_saw_it(
    screened: dict[str, Screening],
) -> None:
    it = screened["whole"]
    playing = it.at("playing")
    stalled = it.at("waiting", playing)
    again = it.at("playing", stalled)
    paused = it.at("pause", again)
    on = it.at("playing", paused)
    over = it.at("ended", on)
    video = {"player": "pillarbox"}

    assert it.value("video_playback_attempts_total", **video) == 1
    assert it.value("video_playback_started_total", **video) == 1
    assert it.counts("video_playback_ended_total") == {"left,pillarbox": 1}
    assert it.value("video_playback_stalls_total", **video) == 1
    assert it.value("video_playback_stalled_seconds_total", **video) == pytest.approx(
        again - stalled, abs=0.25
    )
    # What was played is known at each heartbeat.
    assert it.value("video_playback_watched_seconds_total", **video) == pytest.approx(
        (paused - playing) + (over - on), abs=HEARTBEAT + 0.25
    )
    assert it.counts("video_playback_clamped_total") == {}


def test_its_own_total_of_what_was_played_begins_again_after_a_stall(
    screened: dict[str, Screening],
) -> None:
    """Why a total that falls is not believed: a release that repairs it will fail here."""
    it = screened["whole"]
    playing = it.at("playing")
    again = it.at("playing", it.at("waiting", playing))
    paused = it.at("pause", again)

    assert it.told["played"] == pytest.approx(paused - again, abs=0.25)
    assert it.told["played"] < paused - playing - 4


def test_startup_is_how_long_it_loaded(screened: dict[str, Screening]) -> None:
    it = screened["whole"]

    assert it.value("video_playback_startup_by_player_seconds_count", player="pillarbox") == 1
    assert it.value(
        "video_playback_startup_by_player_seconds_sum", player="pillarbox"
    ) == pytest.approx(it.at("loadeddata") - it.at("loadstart"), abs=0.25)


def test_the_bitrate_is_that_of_the_rendition(screened: dict[str, Screening]) -> None:
    it = screened["whole"]
    media = it.value("video_playback_media_seconds_total", device="desktop")
    bits = it.value("video_playback_bits_total", device="desktop")

    assert media > 8
    assert 200_000 < bits / media < 400_000


def test_a_player_that_is_there_and_not_wanted_is_no_attempt(
    screened: dict[str, Screening],
) -> None:
    it = screened["unwanted"]

    assert it.counts("exporter_events_accepted_total")["playback.prepared"] >= 2
    assert it.counts("video_playback_attempts_total") == {}
    assert it.counts("video_playback_ended_total") == {}


def test_a_film_that_cannot_be_played_is_a_start_that_failed(
    screened: dict[str, Screening],
) -> None:
    it = screened["unplayable"]

    assert it.counts("video_playback_ended_total") == {"start_failed,pillarbox": 1}
    assert it.counts("video_playback_attempts_total") == {"pillarbox": 1}
    assert it.counts("video_playback_started_total") == {}
    assert sum(it.counts("video_playback_errors_total").values()) == 1


def test_who_goes_away_has_left(screened: dict[str, Screening]) -> None:
    it = screened["left"]

    assert it.counts("video_playback_ended_total") == {"left,pillarbox": 1}
    assert it.value("video_playback_watched_seconds_total", player="pillarbox") == pytest.approx(
        it.told["left"] - it.at("playing"), abs=0.25
    )
    assert it.counts("video_playback_ended_by_device_total") == {"desktop,left": 1}


def test_nothing_of_it_is_refused(screened: dict[str, Screening]) -> None:
    for name, it in screened.items():
        assert it.counts("exporter_events_rejected_total") == {}, name
        assert it.counts("exporter_apply_errors_total") == {}, name
