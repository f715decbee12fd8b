"""Real players in Chromium: what is counted of a play is what its <video> element has said.

All situations of a player are played at the same time, each before an exporter of its own. Both
sides have the clock of the page, so a busy machine makes plays slower, but not the numbers wrong.
The pages of `docs/clients` say what a player cannot tell; where it cannot, a test says so too.
"""

import re
from pathlib import Path

import pytest

from tests.clients.plays import (
    CLOSE,
    DASH_JS,
    HLS_JS,
    SHAKA,
    SHAKA_DEBUG,
    Play,
    Player,
    play_all,
)

pytestmark = pytest.mark.alone

STALL = 5.0  # seconds for which the page holds a segment back once it is missed
PAUSE = 4.0
TARGET = 13.0  # where the person jumps to
SLOW = 1.9  # seconds, a little less than what is there takes to come
SOON = 1.0  # seconds of its film in which a player that is told to stop has understood

STARTED = ("whole", "sought", "paused", "stormy")
SEEN_TO_THE_END = ("whole", "stormy")

NAMES = {HLS_JS: "hls.js", DASH_JS: "dash.js", SHAKA: "shaka", SHAKA_DEBUG: "shaka.debug"}


def of(*players: Player) -> pytest.MarkDecorator:
    """Of these players each."""
    return pytest.mark.parametrize("player", players, ids=NAMES.__getitem__)


of_all = of(HLS_JS, DASH_JS, SHAKA, SHAKA_DEBUG)
of_those_with_states = of(HLS_JS, DASH_JS, SHAKA_DEBUG)
of_those_with_errors = of(HLS_JS, DASH_JS)

Plays = dict[str, Play]


class Repertoire:
    """Each player plays once, and whatever came of it is what every test is told."""

    def __init__(self, scenes: Path, folders: pytest.TempPathFactory) -> None:
        self._scenes = scenes
        self._folders = folders
        self._known: dict[Player, Plays | Exception] = {}

    def __call__(self, player: Player) -> Plays:
        if player not in self._known:
            try:
                folder = self._folders.mktemp(NAMES[player])
                self._known[player] = play_all(player, folder, self._scenes)
            except Exception as error:  # noqa: BLE001 - told to every test that asks
                self._known[player] = error
        known = self._known[player]
        if not isinstance(known, Exception):
            return known
        raise AssertionError(NAMES[player]) from known


@pytest.fixture(scope="module")
def repertoire(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Repertoire:
    return Repertoire(scenes, tmp_path_factory)


@pytest.fixture
def plays(player: Player, repertoire: Repertoire) -> Plays:
    return repertoire(player)


@of_all
@pytest.mark.parametrize("situation", STARTED)
def test_startup_is_from_the_call_of_the_player_to_its_first_frame(
    plays: Plays, situation: str
) -> None:
    play = plays[situation]

    assert play.of_player("attempts_total") == 1.0, str(play)
    assert play.of_player("started_total") == 1.0, str(play)
    assert play.of_player("startup_by_player_seconds_count") == 1.0, str(play)
    assert play.of_player("startup_by_player_seconds_sum") in play.startup, str(play)


@of_those_with_states
def test_stalls_are_counted_with_their_length(plays: Plays) -> None:
    play = plays["whole"]

    assert max(play.stalls) > STALL - CLOSE, str(play)
    assert play.of_player("stalls_total") == len(play.stalls), str(play)
    assert play.value("video_playback_stall_seconds_count") == len(play.stalls), str(play)
    stalled = pytest.approx(sum(play.stalls), abs=CLOSE)
    assert play.value("video_playback_stall_seconds_sum") == stalled, str(play)
    assert play.of_player("stalled_seconds_total") == stalled, str(play)


@of_those_with_states
@pytest.mark.parametrize("situation", SEEN_TO_THE_END)
def test_a_film_that_was_seen_to_its_end_was_watched_all_the_time(
    plays: Plays, situation: str
) -> None:
    play = plays[situation]

    assert play.outcomes == {"finished": 1.0}, str(play)
    watched = play.since_asked(play.at("ended"))
    assert play.of_player("watched_seconds_total") in watched, str(play)


@of_those_with_states
@pytest.mark.parametrize("situation", SEEN_TO_THE_END)
def test_what_an_element_says_of_itself_at_the_end_is_no_pause_of_a_person(
    plays: Plays, situation: str
) -> None:
    play = plays[situation]

    assert play.at("pause") <= play.at("ended")
    assert play.value("video_playback_pauses_total") == 0.0, str(play)
    assert play.value("video_playback_seeks_total") == 0.0, str(play)


@of_all
def test_who_leaves_before_the_first_frame_is_an_exit_and_no_failure(plays: Plays) -> None:
    play = plays["left"]

    assert play.of_player("attempts_total") == 1.0, str(play)
    assert play.of_player("started_total") == 0.0, str(play)
    assert play.outcomes == {"start_exited": 1.0}, str(play)
    assert play.errors == {}, str(play)


@of_those_with_states
def test_the_wait_after_a_jump_is_no_stall(plays: Plays) -> None:
    play = plays["sought"]

    jumped = next(e.at for e in play.events if e.name == "seeking" and e.position == TARGET)
    assert play.at("playing", since=jumped) - jumped > SLOW, str(play)
    # A busy machine may stall at other times, and then says so.
    assert play.of_player("stalls_total") == len(play.stalls), str(play)
    stalled = pytest.approx(sum(play.stalls), abs=CLOSE)
    assert play.of_player("stalled_seconds_total") == stalled, str(play)
    assert play.value("video_playback_seeks_total") == 1.0, str(play)


@of_those_with_states
def test_a_pause_is_not_watched(plays: Plays) -> None:
    play = plays["paused"]

    pause = play.at("pause")
    paused = play.at("play", since=pause) - pause
    assert paused > PAUSE / 2, str(play)
    watched = play.since_asked(play.last_word, but=paused)
    assert play.of_player("watched_seconds_total") in watched, str(play)
    pauses = 1 + play.paused_by_leaving
    assert play.value("video_playback_pauses_total") == pauses, str(play)


@of_those_with_errors
def test_a_manifest_that_is_none_is_a_failed_start(plays: Plays) -> None:
    play = plays["unplayable"]

    assert play.of_player("attempts_total") == 1.0, str(play)
    assert play.of_player("started_total") == 0.0, str(play)
    assert play.outcomes == {"start_failed": 1.0}, str(play)
    assert play.errors == {"manifest": 1.0}, str(play)


@of(SHAKA, SHAKA_DEBUG)
def test_shaka_does_not_tell_that_a_manifest_is_none(plays: Plays) -> None:
    play = plays["unplayable"]

    assert {line for line in play.told if "e=e," in line} == set()
    assert play.of_player("attempts_total") == 1.0, str(play)
    assert play.outcomes == {"start_dropped": 1.0}, str(play)
    assert play.errors == {}, str(play)


@of_all
def test_what_is_posted_again_and_again_counts_once(plays: Plays) -> None:
    """The answers of ten seconds are lost on the way back; every report reached the exporter."""
    play = plays["stormy"]
    posted = sum(len(post.body.splitlines()) for post in play.posts)

    assert posted > len(play.told) + 5, str(play)
    accepted = play.by("type", "exporter_events_accepted_total")
    assert accepted == {"playback.sampled": len(play.told)}, str(play)
    assert play.value("exporter_events_duplicate_total") == posted - len(play.told), str(play)
    # Shaka may give one number to two reports; the last one may come when the end is counted.
    numbers = {re.findall(r"\bsn=(\d+)", line)[0] for line in play.told}
    expected = play.value("video_playback_beacons_expected_total", format="cmcd")
    assert len(numbers) - 1 <= expected <= len(numbers), str(play)
    assert play.value("video_playback_beacons_missing_total", format="cmcd") == 0.0, str(play)


@of(HLS_JS)
def test_a_player_that_is_told_to_stop_stops(plays: Plays) -> None:
    play = plays["refused"]

    assert {post.status for post in play.posts} == {410}, str(play)
    playing = play.at("playing")
    assert [post for post in play.posts if post.at > playing + SOON] == [], str(play)
    assert play.by("reason", "exporter_events_rejected_total") == {"unwanted": len(play.posts)}
    assert play.by("type", "exporter_events_accepted_total") == {}, str(play)


@of(DASH_JS, SHAKA, SHAKA_DEBUG)
def test_a_player_that_knows_no_order_to_stop_is_not_counted_all_the_same(plays: Plays) -> None:
    """To dash.js every refusal is a failure of the server, and Shaka tries everything twice."""
    play = plays["refused"]

    assert len(play.posts) > len({post.body for post in play.posts}), str(play)
    assert play.by("reason", "exporter_events_rejected_total") == {"unwanted": len(play.posts)}
    assert play.by("type", "exporter_events_accepted_total") == {}, str(play)


@of(SHAKA)
def test_shaka_as_it_is_shipped_tells_of_no_stall_pause_jump_or_end(plays: Plays) -> None:
    """Its compiled builds send no states, which is counted with every play."""
    for situation in STARTED:
        play = plays[situation]

        assert {line for line in play.told if "sta=" in line} == set()
        assert play.of_player("stalls_total") == 0.0, str(play)
        assert play.of_player("watched_seconds_total") == 0.0, str(play)
        assert play.value("video_playback_pauses_total") == 0.0, str(play)
        assert play.outcomes == {"idle": 1.0}, str(play)
        assert play.repairs["no_states"] == 1.0, str(play)


@pytest.mark.parametrize(
    ("player", "repaired"),
    [(HLS_JS, {}), (SHAKA, {"no_states": 1.0}), (SHAKA_DEBUG, {"stall_before_start": 1.0})],
    ids=("hls.js", "shaka", "shaka.debug"),
)
def test_defects_of_players_are_repaired_and_counted(
    plays: Plays, repaired: dict[str, float]
) -> None:
    play = plays["whole"]

    assert play.repairs == repaired, str(play)


@of(DASH_JS)
def test_defects_of_dash_js_are_repaired_and_counted(plays: Plays) -> None:
    whole, unplayable = plays["whole"], plays["unplayable"]

    # What it gets wrong in a play that goes well is up to chance; its codes are always bare.
    by_chance = {"bogus_msd", "stall_before_start", "epoch_ttfb"}
    assert by_chance >= whole.repairs.keys(), str(whole)
    assert unplayable.repairs["bare_ec"] == 1.0, str(unplayable)
