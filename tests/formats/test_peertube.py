"""PeerTube: what a report counts, by itself."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from exporter.formats.format import RefusedError
from exporter.telemetry import Rejection
from tests.apps import Running
from tests.formats.viewings import CANARIES, events, mutated, survives, written
from tests.pipelines import Piped, parse

PATH = "/api/v1/metrics/playback"
PAGE = Path(__file__).parents[2] / "docs" / "clients" / "peertube.md"

# As the player of PeerTube makes it (PlaybackMetricCreate).
REPORT: dict[str, Any] = {
    "resolution": 1080,
    "fps": 30,
    "playerMode": "p2p-media-loader",
    "resolutionChanges": 1,
    "errors": 0,
    "bufferStalled": 2,
    "downloadedBytesHTTP": 1_500_000,
    "downloadedBytesP2P": 500_000,
    "uploadedBytesP2P": 20_000,
    "p2pPeers": 3,
    "p2pEnabled": True,
    "videoId": "9c9de5e8-0a1e-484a-b099-e80766180a6d",
}
INCIDENTS = "video_playback_tallied_incidents_total"
BYTES = "video_playback_tallied_bytes_total"


def test_reports_add_up() -> None:
    piped = Piped()
    piped.beacon(PATH, REPORT)
    piped.beacon(PATH, REPORT | {"errors": 1, "bufferStalled": 0, "resolutionChanges": 0})
    piped.beacon(PATH, REPORT)

    assert piped.series("video_") == {
        f'{INCIDENTS}{{incident="error"}}': 1,
        f'{INCIDENTS}{{incident="stall"}}': 4,
        f'{INCIDENTS}{{incident="quality_change"}}': 2,
        f'{BYTES}{{transport="http"}}': 4_500_000,
        f'{BYTES}{{transport="p2p"}}': 1_500_000,
        f'{BYTES}{{transport="p2p_sent"}}': 60_000,
    }
    assert piped.total("exporter_events_accepted_total", type="playback.tallied") == 3
    assert piped.total("exporter_events_duplicate_total") == 0, "the same numbers may come again"
    assert piped.points == []


def test_it_is_no_play() -> None:
    piped = Piped()
    piped.beacon(PATH, REPORT)
    piped.outlast()

    assert piped.total("video_playback_attempts_total") == 0
    assert piped.total("video_playback_views_total") == 0


def test_an_older_player_does_not_say_its_stalls() -> None:
    older = {name: value for name, value in REPORT.items() if name != "bufferStalled"}
    (event,) = events(PATH, older)

    assert event.stalls is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "absurd",
    [
        {"errors": -1},
        {"errors": 1001},
        {"bufferStalled": 1e300},
        {"resolutionChanges": -0.5},
        {"downloadedBytesHTTP": -1},
        {"downloadedBytesP2P": 2**41},
        {"uploadedBytesP2P": 1e15},
    ],
)
def test_an_absurd_number_is_counted_and_not_used_and_the_others_are(
    absurd: dict[str, float],
) -> None:
    nothing = dict.fromkeys((n for n, v in REPORT.items() if isinstance(v, int)), 0)
    piped = Piped()
    piped.beacon(PATH, REPORT | nothing | absurd)
    assert piped.series("video_") == {"video_playback_clamped_total{}": 1}

    piped.beacon(PATH, REPORT)
    assert piped.total(INCIDENTS, incident="stall") == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Rejection.MALFORMED),
        (b"[]", Rejection.INVALID),
        ({}, Rejection.INCOMPLETE),
        ({name: value for name, value in REPORT.items() if name != "errors"}, Rejection.INCOMPLETE),
        (REPORT | {"errors": "1"}, Rejection.INVALID),
        (REPORT | {"errors": True}, Rejection.INVALID),
    ],
)
def test_what_cannot_be_read_is_refused_for_its_reason(body: Any, reason: Rejection) -> None:
    with pytest.raises(RefusedError) as caught:
        parse(PATH, body)
    assert caught.value.reason is reason


def test_nothing_that_names_anybody_is_written_down() -> None:
    about = {"videoId": "ann@example.com", "playerMode": "Ann Anderson", "more": CANARIES}
    body = written(events(PATH, REPORT | about, user_agent="secret-token"))

    assert [each for each in CANARIES if each.encode() in body] == []


@given(mutated([REPORT]))
@settings(max_examples=150)
def test_any_bytes_end_in_events_or_in_a_refusal(body: bytes) -> None:
    survives(PATH, body)


async def test_a_report_is_answered_with_nothing(app: Running) -> None:
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    answer = await app.ask("POST", PATH, data=msgspec.json.encode(REPORT), headers=headers)

    assert (answer.status, answer.body) == (204, b"")


def test_the_report_by_hand_on_its_page_is_the_one_that_players_send() -> None:
    (by_hand,) = re.findall(r"curl -i --json '(.*?)'", PAGE.read_text(), re.DOTALL)

    assert msgspec.json.decode(by_hand) == REPORT
