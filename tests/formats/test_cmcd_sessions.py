"""Plays out of CMCD: what real players posted, against what a person makes of it with a pencil.

Bodies are those in `tests/clients/captured`, replayed at the times at which they came. The sums
beside them were made by hand from the reports: seconds are `ts` / 1000 with the first digits left
out, `s p r` the states of the `ps` reports that have them.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from exporter.event import Event, Patience
from exporter.events.playback.classes import CmcdPlayer, ErrorType, Player, Repair
from exporter.events.playback.tally import Tallied
from exporter.events.playback.told import Sampled
from exporter.formats.cmcd.record import STATES, Mode, Record
from exporter.formats.cmcd.repairs import error
from exporter.formats.cmcd.translate import translate
from exporter.formats.format import Sender
from exporter.record import Entry
from tests.pipelines import CLEANER, FORMATS, START, Piped, codec, parse

CAPTURED = Path(__file__).parents[1] / "clients" / "captured"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0"
SETTLE = Patience().settle
SILENCE = Patience().silence

STORM = "hls.js-1.7.4_cmcd2_retry_storm_on_500.jsonl"
ONE_BY_ONE = "hls.js-1.7.4_cmcd2.jsonl"
BATCHES = "hls.js-1.7.4_cmcd2_batch5.jsonl"
STOPPED = "hls.js-1.7.4_cmcd2_stops_on_410.jsonl"
DEFAULT_KEYS = "dashjs-5.2.1_cmcd2_defaultkeys.jsonl"


class Post(NamedTuple):
    """One body, and how many seconds after the first it came."""

    after: float
    body: bytes


def captured(name: str) -> list[Post]:
    posts = [json.loads(line) for line in (CAPTURED / name).read_text().splitlines()]
    return [Post(post["t"] - posts[0]["t"], post["body"].encode()) for post in posts]


def replayed(posts: Iterable[Post], player: str = "hls.js") -> Piped:
    """What posts come to, once nothing more can come of them."""
    piped = Piped()
    for post in posts:
        piped.now = START + post.after
        piped.take(events(post.body, player))
    for pause in (SETTLE, SILENCE, SILENCE):
        piped.wait(pause)
    return piped


def events(body: bytes, player: str = "hls.js") -> tuple[Event, ...]:
    parsed = parse(f"/cmcd/{player}", body, user_agent=DESKTOP)
    assert not parsed.rejected
    return parsed.events


def told(*reports: str, player: str = "hls.js") -> Piped:
    """What reports come to that are posted at once, each as a player writes it but for its end."""
    lines = (f'{report},sid="s1",v=2\n' for report in reports)
    return replayed([Post(0.0, "".join(lines).encode())], player)


def numbers(piped: Piped) -> dict[str, float]:
    """Everything that is counted of plays and events, without the families that say it again."""
    return {
        name: value
        for prefix in ("video_play", "exporter_events_")
        for name, value in piped.series(prefix).items()
        if "_bucket" not in name and "_by_" not in name
    }


def play(piped: Piped) -> dict[str, Any]:
    """The fields and tags of the one play."""
    (point,) = [point for point, _ in piped.points if point.measurement == "play"]
    return {**dict(point.tags), **dict(point.fields)}


def repairs(piped: Piped) -> dict[str, float]:
    found = {}
    for player in CmcdPlayer:
        for reason in Repair:
            count = piped.total("video_player_repairs_total", player=player, reason=reason)
            if count:
                found[f"{player} {reason}"] = count
    return found


# -- what real players posted ------------------------------------------------------------------


def of_hls_js(**counted: float) -> dict[str, float]:
    """The series of one play, under short names."""
    player, device = 'player="hls.js"', 'device="desktop"'
    names = {
        "attempts": f"video_playback_attempts_total{{{player}}}",
        "views": 'video_playback_views_total{preview="no"}',
        "started": f"video_playback_started_total{{{player}}}",
        "idle": f'video_playback_ended_total{{outcome="idle",{player}}}',
        "dropped": f'video_playback_ended_total{{outcome="start_dropped",{player}}}',
        "startups": f"video_playback_startup_seconds_count{{{device}}}",
        "startup": f"video_playback_startup_seconds_sum{{{device}}}",
        "stalls": f"video_playback_stalls_total{{{player}}}",
        "stalled": f"video_playback_stalled_seconds_total{{{player}}}",
        "lengths": "video_playback_stall_seconds_count{}",
        "length": "video_playback_stall_seconds_sum{}",
        "watched": f"video_playback_watched_seconds_total{{{player}}}",
        "media": f"video_playback_media_seconds_total{{{device}}}",
        "bits": f"video_playback_bits_total{{{device}}}",
        "expected": 'video_playback_beacons_expected_total{format="cmcd"}',
        "received": "exporter_events_received_total{}",
        "accepted": 'exporter_events_accepted_total{type="playback.sampled"}',
        "duplicate": "exporter_events_duplicate_total{}",
    }
    return {names[name]: value for name, value in counted.items()}


def test_hls_js_plays_stalls_and_is_left_in_a_stall() -> None:
    """41 posts of one report each, sn 0 to 40; two pairs of posts overtake one another.

    ====  ======  ==========================================================================
    sn    ts
    ====  ======  ==========================================================================
    1     69.146  d
    2     69.173  s      it begins here: who preloads waits for nobody
    11    69.432  p      startup 69.432 - 69.173 = 0.259
    16    73.693  pr=1.5
    17    76.216  r      played 76.216 - 69.432 = 6.784
    18    79.142  t, r   still that stall
    21    81.321  p      stalled 81.321 - 76.216 = 5.105
    38    92.001  r      played 92.001 - 81.321 = 10.680
    39    99.142  t, r
    40   109.142  t, r   the last word: stalled 109.142 - 92.001 = 17.141
    ====  ======  ==========================================================================

    stalled   5.105 + 17.141                             =    22.246
    watched   0.259 + 6.784 + 5.105 + 10.680 + 17.141    =    39.969
    media     (73.693 - 69.432) at 1      = 4.261
              (76.216 - 73.693) at 1.5    = 3.7845
              10.680 at 1.5               = 16.02        =    24.0655
    bits      24.0655 at 200 kbit/s                      = 4,813,100
    """
    piped = replayed(captured(ONE_BY_ONE))

    assert numbers(piped) == pytest.approx(
        of_hls_js(
            attempts=1,
            views=1,
            started=1,
            idle=1,
            startups=1,
            startup=0.259,
            stalls=2,
            stalled=22.246,
            lengths=2,
            length=22.246,
            watched=39.969,
            media=24.0655,
            bits=4_813_100,
            expected=41,
            received=41,
            accepted=41,
        )
    )
    assert repairs(piped) == {}
    found = play(piped)
    assert found["viewer"] == CLEANER.who(found["play_id"])
    assert (found["video"], found["player"], found["device"], found["outcome"]) == (
        *("movie-42", "hls.js", "desktop", "idle"),
    )
    assert (found["errors"], found["pauses"], found["seeks"]) == (0, 0, 0)
    assert (found["beacons_expected"], found["beacons_missing"]) == (41, 0)


def test_hls_js_posts_five_reports_at_a_time() -> None:
    """6 posts of five reports, sn 0 to 29; the third came 3 s late and the fifth 7 s.

    ====  ======  ==========================================================================
    sn    ts
    ====  ======  ==========================================================================
    1     22.789  d
    2     22.804  s
    11    23.322  p      startup 23.322 - 22.804 = 0.518
    16    27.323  pr=1.5
    17    29.997  r      played 29.997 - 23.322 = 6.675
    18    32.789  t, r
    21    35.170  p      stalled 35.170 - 29.997 = 5.173
    ====  ======  ==========================================================================

    The last report that has a moment of its own is sn 21; the rest are responses, whose ``ts`` is
    that of a request. So nothing is known of after 35.170.

    watched   0.518 + 6.675 + 5.173                      =    12.366
    media     (27.323 - 23.322) at 1   = 4.001
              (29.997 - 27.323) at 1.5 = 4.011           =     8.012
    bits      8.012 at 200 kbit/s                        = 1,602,400
    """
    piped = replayed(captured(BATCHES))

    assert numbers(piped) == pytest.approx(
        of_hls_js(
            attempts=1,
            views=1,
            started=1,
            idle=1,
            startups=1,
            startup=0.518,
            stalls=1,
            stalled=5.173,
            lengths=1,
            length=5.173,
            watched=12.366,
            media=8.012,
            bits=1_602_400,
            expected=30,
            received=30,
            accepted=30,
        )
    )
    assert repairs(piped) == {}


def test_the_storm_of_hls_js_on_500_counts_as_23() -> None:
    """181 posts in 13 s, of 23 reports, sn 0 to 22; one of them came 15 times.

    ====  ======  ==========================================================================
    sn    ts
    ====  ======  ==========================================================================
    1     34.416  d
    2     34.422  s
    11    34.704  p      startup 34.704 - 34.422 = 0.282
    16    42.685  r      played 42.685 - 34.704 = 7.981
    17    44.413  t, r
    20    46.818  p      stalled 46.818 - 42.685 = 4.133; the last one with a moment of its own
    ====  ======  ==========================================================================

    watched   0.282 + 7.981 + 4.133                      =    12.396
    media     7.981 at 1                                 =     7.981
    bits      7.981 at 200 kbit/s                        = 1,596,200
    again     181 - 23                                   =   158
    """
    posts = captured(STORM)
    piped = replayed(posts)

    assert len(posts) == 181
    assert len({post.body for post in posts}) == 23
    assert numbers(piped) == pytest.approx(
        of_hls_js(
            attempts=1,
            views=1,
            started=1,
            idle=1,
            startups=1,
            startup=0.282,
            stalls=1,
            stalled=4.133,
            lengths=1,
            length=4.133,
            watched=12.396,
            media=7.981,
            bits=1_596_200,
            expected=23,
            received=181,
            accepted=23,
            duplicate=158,
        )
    )


def test_what_hls_js_posts_before_it_is_stopped_is_a_start_that_was_dropped() -> None:
    """3 posts within 3 ms: t, d (47.899) and s (47.902), and then nothing, as it was told."""
    piped = replayed(captured(STOPPED))

    assert numbers(piped) == of_hls_js(
        attempts=1, views=1, dropped=1, expected=3, received=3, accepted=3
    )


def test_dash_js_as_it_comes_says_nothing_of_plays() -> None:
    """36 posts of ``e`` and ``ts`` alone: 3 t, 6 ps, 27 rr; no session, no state, no error."""
    piped = replayed(captured(DEFAULT_KEYS), "dash.js")

    assert numbers(piped) == {
        "video_playback_unattributed_beacons_total{}": 36.0,
        "exporter_events_received_total{}": 36.0,
        'exporter_events_accepted_total{type="playback.tallied"}': 36.0,
    }
    assert piped.points == []


# -- order and repetition ----------------------------------------------------------------------


def reports(name: str) -> list[bytes]:
    """The different reports of a capture."""
    lines = [line for post in captured(name) for line in post.body.split(b"\n")]
    return list(dict.fromkeys(filter(None, lines)))


def within(seconds: float, bodies: Sequence[bytes]) -> list[Post]:
    return [Post(seconds * n / len(bodies), body) for n, body in enumerate(bodies)]


def without_accounts(piped: Piped) -> tuple[dict[str, float], dict[str, Any]]:
    accounts = ("exporter_events_received", "exporter_events_duplicate")
    found = {n: v for n, v in numbers(piped).items() if not n.startswith(accounts)}
    return found, play(piped)


def same(one: Piped, other: Piped) -> None:
    (series, point), (others, other_point) = without_accounts(one), without_accounts(other)
    assert others == pytest.approx(series)
    texts = {name: value for name, value in point.items() if isinstance(value, str)}
    assert {name: value for name, value in other_point.items() if isinstance(value, str)} == texts
    assert {n: v for n, v in other_point.items() if n not in texts} == pytest.approx(
        {n: v for n, v in point.items() if n not in texts}
    )


@pytest.mark.parametrize("name", [ONE_BY_ONE, BATCHES, STORM])
@pytest.mark.parametrize("seed", range(3))
def test_a_capture_in_any_order_and_again_gives_the_same_numbers(name: str, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - to be repeatable
    lines = reports(name)
    shuffled = [*lines, *random.choices(lines, k=len(lines))]
    random.shuffle(shuffled)
    cuts = sorted(random.sample(range(len(shuffled)), 12))
    bodies = [b"\r\n".join(shuffled[one:other]) for one, other in pairwise([0, *cuts, None])]

    same(replayed(captured(name)), replayed(within(SETTLE - 1, [b for b in bodies if b])))


class Watching(NamedTuple):
    """A play as it was, in ms; between two things that happen to it, it plays."""

    preloaded: int
    startup: int
    things: tuple[tuple[str, int, int], ...]
    """What happened, for how long, and how long it played after that."""
    end: str | None


HAPPENS = {
    "played": lambda ms: (),
    "stalled": lambda ms: (("r", ms),),
    "paused": lambda ms: (("a", ms),),
    # hls.js calls the wait after a jump rebuffering, dash.js waiting.
    "jumped": lambda ms: (("k", ms // 2), ("r", ms - ms // 2)),
    "jumped as dash.js does": lambda ms: (("k", ms // 2), ("w", ms - ms // 2)),
    "paused and jumped": lambda ms: (("a", ms // 3), ("k", ms // 3), ("a", ms - 2 * (ms // 3))),
}
"""The states in which it is meanwhile."""

OUTCOMES = {"e": "finished", "q": "left", "f": "failed", None: "idle"}

lengths = st.integers(3, 40_000)
plays = st.builds(
    Watching,
    preloaded=st.sampled_from((0, 5_000)),
    startup=lengths,
    things=st.lists(
        st.tuples(st.sampled_from(tuple(HAPPENS)), lengths, lengths), min_size=1, max_size=5
    ).map(tuple),
    end=st.sampled_from(tuple(OUTCOMES)),
)


def states(it: Watching) -> Iterator[tuple[str, int]]:
    """What it was in, and for how long."""
    if it.preloaded:
        yield "d", it.preloaded
    yield "s", it.startup
    yield "p", 1000
    for what, ms, after in it.things:
        yield from HAPPENS[what](ms)
        yield "p", after
    yield it.end or "p", 0


def posted(it: Watching) -> list[bytes]:
    """What a player tells: each state when it begins and in the middle, and responses meanwhile."""
    found, ts = [], 1_700_000_000_000
    for state, ms in states(it):
        for e, at in (("ps", ts), ("t", ts + ms // 2)):
            number = len(found)
            said = f'cid="v1",sid="s1",v=2,br=(150;v 50;a),e={e},sn={number},sta={state},ts={at}'
            found.append(said.encode())
        # A response tells the moment of its request, and the state of this one or of that.
        said = f'cid="v1",sid="s1",v=2,e=rr,sn={number + 1},sta=p,ts={at - 60_000},rc=200,ttlb=60'
        found.append(said.encode())
        ts += ms
    return found


def truth(it: Watching) -> dict[str, float]:
    """The sums of CTA-2066 for it."""
    of: dict[str, list[int]] = {what: [] for what in HAPPENS}
    for what, ms, _ in it.things:
        of[what].append(ms)
    jumps = [*of["jumped"], *of["jumped as dash.js does"]]
    played = 1000 + sum(after for *_, after in it.things)
    return {
        "startup_seconds": it.startup / 1000,
        "watched_seconds": (it.startup + played + sum(of["stalled"]) + sum(jumps)) / 1000,
        "stalls": len(of["stalled"]),
        "stalled_seconds": sum(of["stalled"]) / 1000,
        "media_seconds": played / 1000,
        "bits": played * 200,
        "pauses": len(of["paused"]) + len(of["paused and jumped"]),
        "seeks": len(jumps) + len(of["paused and jumped"]),
        "quality_changes": 0,
        "beacons_missing": 0,
    }


@given(plays, st.data())
@bounded(max_examples=30, deadline=None)
def test_a_play_is_what_it_was_in_whatever_order_it_is_told(
    it: Watching, data: st.DataObject
) -> None:
    bodies = posted(it)
    again = data.draw(st.lists(st.sampled_from(bodies), max_size=10))
    piped = replayed(within(SETTLE - 1, data.draw(st.permutations([*bodies, *again]))))
    found = play(piped)

    assert {name: found[name] for name in truth(it)} == pytest.approx(truth(it), rel=1e-6, abs=1e-5)
    assert found["outcome"] == OUTCOMES[it.end]
    assert piped.total("exporter_events_duplicate_total") == len(again)
    assert repairs(piped) == {}
    assert piped.total("video_playback_stall_seconds_count") == truth(it)["stalls"]


# -- what players get wrong --------------------------------------------------------------------

DASH = 1_795_227_856_126


def dash(number: int, after: int, said: str) -> str:
    return f'cid="movie-42",sn={number},ts={DASH + after},{said}'


def test_the_startup_of_dash_js_comes_from_its_states_and_not_from_what_it_measured_too_soon() -> (
    None
):
    """`s` at 0 with msd=1, `r` at 400, `p` at 406: a startup of 0.406 s, and no stall."""
    piped = told(
        dash(0, 0, "bl=(0;v 0;a),e=ps,msd=1,sta=s"),
        dash(1, 400, "bl=(0;v 0;a),e=ps,sta=r"),
        dash(2, 406, "ab=(150;v 48;a),br=(150;v 48;a),e=ps,pb=(150;v 48;a),sta=p"),
        dash(3, 10_406, "br=(150;v 48;a),e=t,sta=p"),
        player="dash.js",
    )
    found = play(piped)

    assert repairs(piped) == {"dash.js bogus_msd": 1, "dash.js stall_before_start": 1}
    assert found["startup_seconds"] == pytest.approx(0.406)
    assert (found["stalls"], found["stalled_seconds"]) == (0, 0)
    assert found["watched_seconds"] == pytest.approx(10.406)
    assert found["bits"] == pytest.approx(10 * 198_000)


def test_a_first_byte_that_is_a_moment_is_not_one() -> None:
    piped = told(
        dash(0, 0, "e=ps,sta=s"),
        dash(1, 5, "e=rr,rc=200,ttfb=1795227855984,ttlb=12"),
        dash(2, 6, "e=rr,rc=200,ttfb=1795227855999,ttlb=15"),
        dash(3, 9, "e=rr,rc=200,ttfb=30,ttlb=40"),
        dash(4, 80, "e=ps,sta=p"),
        player="dash.js",
    )

    assert repairs(piped) == {"dash.js epoch_ttfb": 1}
    assert play(piped)["ttfb_seconds"] == pytest.approx(0.03)
    assert piped.total("video_playback_clamped_total") == 0


def test_an_error_of_dash_js_is_a_number_and_says_that_nothing_will_play() -> None:
    """`msd` says that somebody wanted it to play; after 25 (no manifest) there is nothing to."""
    piped = told(
        dash(0, 0, "e=ps,msd=1,sta=s"),
        dash(1, 40, "e=e,ec=25,sta=s"),
        dash(2, 10_000, "e=t,ec=25,sta=s"),
        player="dash.js",
    )

    assert repairs(piped) == {"dash.js bogus_msd": 1, "dash.js bare_ec": 1}
    assert play(piped)["outcome"] == "start_failed"
    assert play(piped)["error_code"] == "25"
    assert piped.total("video_playback_errors_total", error_type="manifest") == 1
    assert piped.total("video_playback_errors_total") == 1


def test_an_error_of_dash_js_in_a_play_that_goes_on_is_not_its_end() -> None:
    """The manifest of a live stream is missing for a while; `sta=s` is the next period."""
    piped = told(
        dash(0, 0, "e=ps,msd=1,sta=s"),
        dash(1, 100, "e=ps,sta=p"),
        dash(2, 5_000, "e=ps,sta=s"),
        dash(3, 9_000, "e=e,ec=25,sta=s"),
        dash(4, 10_100, "e=t,ec=25,sta=s"),
        dash(5, 20_100, "e=ps,ec=25,sta=e"),
        player="dash.js",
    )
    left = told(
        dash(0, 0, "e=ps,msd=1,sta=s"),
        dash(1, 100, "e=ps,sta=p"),
        dash(2, 5_000, "e=ps,sta=s"),
        dash(3, 9_000, "e=e,ec=25,sta=s"),
        player="dash.js",
    )

    assert play(piped)["outcome"] == "finished"
    assert play(left)["outcome"] == "idle"
    assert play(left)["watched_seconds"] == pytest.approx(9)
    assert piped.total("video_playback_errors_total", error_type="manifest") == 1


def test_dash_js_that_waits_for_a_person_is_no_attempt_and_counts_no_waiting_as_startup() -> None:
    alone = told(dash(0, 0, "e=ps,sta=s"), dash(1, 30_000, "e=t,sta=s"), player="dash.js")
    begun = told(
        dash(0, 0, "e=ps,sta=s"),
        dash(1, 30_000, "e=t,sta=s"),
        dash(2, 45_300, "e=ps,msd=300,sta=p"),
        player="dash.js",
    )

    assert alone.total("video_playback_attempts_total") == 0
    assert alone.points == []
    assert play(begun)["startup_seconds"] == pytest.approx(0.3)
    assert play(begun)["watched_seconds"] == pytest.approx(0.3)
    assert repairs(begun) == {}


def test_more_startup_than_there_was_is_not_believed() -> None:
    piped = told(dash(0, 0, "e=ps,sta=s"), dash(1, 1000, "e=ps,msd=1600,sta=p"), player="native")
    near = told(dash(0, 0, "e=ps,sta=s"), dash(1, 1000, "e=ps,msd=1200,sta=p"), player="native")

    assert play(piped)["startup_seconds"] == play(near)["startup_seconds"] == 1.0
    assert repairs(piped) == {"other bogus_msd": 1}
    assert repairs(near) == {}


def test_hls_js_fails_before_the_first_frame() -> None:
    """As it posts where the playlist cannot be read; its `ps` does not name the error yet."""
    hls = 'cid="movie-42",sf=h,ts=1795227495733'
    piped = told(
        f"{hls},e=t,sn=0",
        f"{hls},e=ps,sn=1,sta=s",
        f"{hls},e=ps,mtp=(500),sn=2,sta=f",
        f'{hls},e=e,ec=("manifestLoadError"),mtp=(500),sn=3,sta=f',
    )

    assert play(piped)["outcome"] == "start_failed"
    assert play(piped)["error_code"] == "manifestLoadError"
    assert piped.total("video_playback_errors_total", error_type="manifest") == 1
    assert piped.total("video_playback_errors_total") == 1


SHAKA = 'br=(198),cid="movie-42",sf=d,st=v'


def test_shaka_as_it_is_compiled_tells_no_states() -> None:
    """Its startup is `msd`; of the time after that, nothing is known."""
    piped = told(
        f"{SHAKA},e=t,sn=0,ts=1795227883700",
        f"{SHAKA},e=rr,rc=200,sn=1,ts=1795227883750,ttfb=10,ttlb=20",
        f"{SHAKA},e=rr,msd=116,rc=200,sn=2,ts=1795227883953,ttfb=14,ttlb=67",
        f"{SHAKA},e=t,sn=3,ts=1795227893700",
        player="shaka",
    )
    found = play(piped)

    assert repairs(piped) == {"shaka no_states": 1}
    assert (found["outcome"], found["startup_seconds"]) == ("idle", 0.116)
    assert piped.total("video_playback_started_total", player="shaka") == 1
    assert "watched_seconds" not in found
    assert "stalls" not in found


def test_shaka_that_never_begins_is_left_or_has_failed() -> None:
    left = replayed(
        [
            Post(0, f'{SHAKA},e=t,sid="s1",sn=0,ts=1795227883700,v=2'.encode()),
            Post(5, f'{SHAKA},e=t,sid="s1",sn=1,ts=1795227888700,v=2'.encode()),
        ],
        "shaka",
    )
    failed = told(
        f"{SHAKA},e=t,sn=0,ts=1795227883700", f"{SHAKA},e=e,sn=1,ts=1795227884700", player="shaka"
    )

    assert play(left)["outcome"] == "start_exited"
    assert play(failed)["outcome"] == "start_failed"
    assert failed.total("video_playback_errors_total", error_type="other") == 1


def test_shaka_in_its_debug_build_calls_its_startup_a_stall() -> None:
    piped = told(
        f"{SHAKA},e=ps,sn=0,sta=r,ts=1795227883700",
        f"{SHAKA},e=ps,sn=1,sta=p,ts=1795227884000",
        f"{SHAKA},e=rr,msd=350,rc=200,sn=2,sta=p,ts=1795227884010,ttlb=5",
        f"{SHAKA},e=ps,sn=3,sta=a,ts=1795227894000",
        f"{SHAKA},e=ps,sn=4,sta=e,ts=1795227894003",
        player="shaka",
    )
    found = play(piped)

    assert repairs(piped) == {"shaka stall_before_start": 1}
    assert (found["startup_seconds"], found["stalls"], found["outcome"]) == (0.35, 0, "finished")
    assert found["pauses"] == 0, "the end of a video is a pause to a browser"
    assert found["watched_seconds"] == pytest.approx(0.35 + 10)


def test_the_last_stall_that_every_report_repeats_is_one() -> None:
    """3.2 s and 1.1 s, both told twice; where there is a sum, it is believed."""
    lengths = [
        f"{SHAKA},e=t,msd=100,sn=0,ts=1795227883700",
        *(
            f"{SHAKA},e=t,bsd=({ms}),sn={n},ts={1795227893700 + n}"
            for n, ms in enumerate((3200, 3200, 1100, 1100), 1)
        ),
    ]
    summed = [
        f"{SHAKA},e=t,msd=100,sn=0,ts=1795227883700",
        f"{SHAKA},bsa=(1;v 0;a),bsda=(3200;v 0;a),e=t,sn=1,ts=1795227893700",
        f"{SHAKA},bsa=(2;v 0;a),bsda=(4300;v 0;a),e=t,sn=2,ts=1795227903700",
    ]

    for reported, repaired in ((lengths, 1), (summed, 0)):
        piped = told(*reported, player="shaka")
        found = play(piped)
        assert (found["stalls"], found["stalled_seconds"]) == (2, pytest.approx(4.3))
        assert repairs(piped).get("shaka repeated_bsd", 0) == repaired


def test_where_there_are_states_no_sum_of_the_player_counts() -> None:
    piped = told(
        dash(0, 0, "e=ps,sta=s"),
        dash(1, 100, "e=ps,sta=p"),
        dash(2, 1100, "bs,bsa=(9),bsd=(9000),bsda=(9000),e=ps,sta=r"),
        dash(3, 2100, "bsa=(9),bsda=(9000),e=ps,sta=p"),
        player="native",
    )

    assert (play(piped)["stalls"], play(piped)["stalled_seconds"]) == (1, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        # the person pressed play, changed their mind, and pressed it again
        ("s0 a1 s60 p61 e70", {"startup_seconds": 1, "watched_seconds": 10, "pauses": 0}),
        # nobody said that it was starting
        ("d0 p5 e10", {"startup_seconds": 5, "watched_seconds": 10}),
        ("d0 s3 d4 p5 e10", {"startup_seconds": 2, "watched_seconds": 7}),
        # to where it was left the last time
        ("s0 k1 w2 p3 e10", {"startup_seconds": 3, "seeks": 0, "stalls": 0}),
        ("s0 p1 a5 e7", {"pauses": 1, "watched_seconds": 5}),
        ("s0 p1 a5 e5.9", {"pauses": 0, "watched_seconds": 5}),
        # a pause that ends in a wait for data
        ("s0 p1 a5 r10 p12 e13", {"pauses": 1, "stalls": 1, "stalled_seconds": 2}),
        ("s0 p1 a5 k6 r10 p12 e13", {"stalls": 0, "seeks": 1, "watched_seconds": 8}),
        ("s0 p1 r2 k4 r5 p6 e7", {"stalls": 1, "stalled_seconds": 2, "seeks": 1}),
        ("s0 p1 w2 r4 p5 e6", {"stalls": 1, "stalled_seconds": 1, "watched_seconds": 6}),
        ("s0 p1 r2 a4 p9 e10", {"stalls": 1, "stalled_seconds": 2, "watched_seconds": 5}),
        # seen, and begun again at once
        ("s0 p1 e3 k3 p4 e6", {"outcome": "finished", "watched_seconds": 3, "seeks": 0}),
        ("s0 p1 e3 q4", {"outcome": "finished"}),
        ("s0 q3", {"outcome": "start_exited"}),
        ("s0 q0.5", {"outcome": "start_dropped"}),
        ("s0 f3", {"outcome": "start_failed"}),
        ("s0 p1 f3 q4", {"outcome": "failed", "watched_seconds": 3}),
        # all but the end is lost
        ("e3", {"outcome": "finished", "watched_seconds": 0}),
    ],
)
def test_states(states: str, expected: dict[str, Any]) -> None:
    found = play(
        told(
            *(
                dash(n, int(1000 * float(s[1:])), f"e=ps,sta={s[0]}")
                for n, s in enumerate(states.split())
            )
        )
    )

    assert {name: found[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize(("speed", "media"), [("1.5", 15), ("0", 10), ("-1", 10), ("99", 160)])
def test_media_are_played_at_a_speed_that_can_be(speed: str, media: float) -> None:
    piped = told(
        dash(0, 0, "e=ps,sta=s"),
        dash(1, 1000, f"br=(100),e=ps,pr={speed},pt=2000,sta=p"),
        dash(2, 11_000, f"br=(100),e=t,pr={speed},pt=17000,sta=p"),
    )

    assert play(piped)["media_seconds"] == pytest.approx(media)
    assert play(piped)["furthest_seconds"] == 17


# -- sessions ----------------------------------------------------------------------------------


def report(number: int, ts: float, said: str, sid: str = "s1", cid: str = "v1") -> bytes:
    return f'cid="{cid}",sid="{sid}",sn={number},ts={int(ts * 1000)},v=2,{said}'.encode()


def at(now: float, number: int, said: str, **who: str) -> Post:
    return Post(now, report(number, START + now, said, **who))


def test_a_player_that_says_every_half_minute_that_it_is_there_is_not_given_up() -> None:
    """Three hours; a session that is silent for half an hour would be."""
    posts = [at(0, 0, "e=ps,sta=s"), at(1, 1, "e=ps,sta=p")]
    posts += [at(1 + 30 * n, 1 + n, "e=t,sta=p") for n in range(1, 361)]
    piped = replayed(posts)

    assert piped.total("video_playback_ended_total") == 1
    assert play(piped)["watched_seconds"] == pytest.approx(1 + 3 * 3600)


def test_a_pause_of_an_hour_is_no_silence() -> None:
    posts = [at(0, 0, "e=ps,sta=s"), at(1, 1, "e=ps,sta=p"), at(11, 2, "e=ps,sta=a")]
    posts += [at(11 + 60 * n, 2 + n, "e=t,sta=a") for n in range(1, 61)]
    posts += [at(3700, 63, "e=ps,sta=p"), at(3710, 64, "e=ps,sta=e")]
    found = play(replayed(posts))

    assert (found["watched_seconds"], found["pauses"]) == (pytest.approx(21), 1)
    assert found["outcome"] == "finished"


def test_a_stall_in_which_a_player_falls_silent_lasts_until_its_last_word() -> None:
    posts = [at(0, 0, "e=ps,sta=s"), at(1, 1, "e=ps,sta=p"), at(6, 2, "e=ps,sta=r")]
    posts += [at(16, 3, "e=t,sta=r")]
    piped = replayed(posts)

    assert play(piped)["stalled_seconds"] == pytest.approx(10)
    assert play(piped)["outcome"] == "idle"
    assert piped.total("video_playback_stall_seconds_count") == 1


def test_a_session_that_goes_on_to_another_video_is_another_play() -> None:
    """hls.js and Shaka keep their session as long as they live, and count from 0 again."""
    piped = replayed(
        [
            *(at(0, 0, "e=ps,sta=s"), at(1, 1, "e=ps,sta=p"), at(5, 2, "e=ps,sta=e")),
            *(at(n, n - 60, "e=ps,sta=s", cid="v2") for n in (60,)),
            *(at(62, 1, "e=ps,sta=p", cid="v2"), at(70, 2, "e=ps,sta=e", cid="v2")),
        ]
    )

    ended = [dict(point.tags) for point, _ in piped.points if point.measurement == "play"]
    assert [(each["video"], each["outcome"]) for each in ended] == [
        ("v1", "finished"),
        ("v2", "finished"),
    ]
    assert piped.total("video_playback_startup_seconds_sum") == pytest.approx(3)


@pytest.mark.parametrize("apart", [0.1, 1, 12])
def test_what_is_watched_again_after_the_end_is_not_counted(apart: float) -> None:
    """However soon somebody does so, and however far apart the reports come."""
    watched = (
        *(("s", 0, 0), ("p", 1, 0), ("e", 11, 10), ("p", 14, 0)),
        *(("p", 17, 3), ("r", 20, 6), ("p", 23, 6), ("e", 24, 7)),
    )
    posts = [
        Post(apart * n, report(n, START + at, f"e=ps,pt={1000 * position},sta={state}"))
        for n, (state, at, position) in enumerate(watched)
    ]
    piped = replayed(posts)
    found = play(piped)

    assert (found["outcome"], found["watched_seconds"]) == ("finished", pytest.approx(11))
    assert (found["stalls"], found["stalled_seconds"], found["beacons_missing"]) == (0, 0, 0)
    (heat,) = [dict(p.fields) for p, _ in piped.points if p.measurement == "video_heatmap"]
    assert heat == {"s0": 1.0, "d0": 1.0}


def test_a_player_that_is_loaded_again_after_a_failure_and_counts_from_0_goes_on() -> None:
    piped = replayed(
        [
            *(at(0, 0, "e=ps,sta=s"), at(1, 1, "e=ps,sta=f"), at(1, 2, "e=e,sta=f")),
            *(at(2, 0, "e=ps,sta=s"), at(3, 1, "e=ps,sta=p"), at(30, 2, "e=ps,sta=e")),
        ]
    )

    assert play(piped)["outcome"] == "finished"
    assert piped.total("video_playback_attempts_total") == 1


def test_a_report_without_a_session_is_counted_with_the_errors_in_it() -> None:
    body = b'e=ps,ts=1,v=2\ne=e,ts=2,v=2\ne=e,ec=("HTTP 404"),ts=3,v=2\ne=rr,rc=503,ts=4,v=2\n'
    piped = replayed([Post(0.0, body), Post(1.0, body)], "dash.js")

    assert piped.total("video_playback_unattributed_beacons_total") == 4
    assert piped.total("video_playback_tallied_incidents_total", incident="error") == 3
    assert piped.total("video_playback_attempts_total") == 0


def test_a_report_without_a_session_counts_for_what_it_can() -> None:
    body = (
        b"e=e,ec=25,ts=1,v=2\ne=rr,ot=v,bs,ts=2,v=2\ne=rr,ot=a,bs,ts=3,v=2\ne=t,bs=?0,ts=4,v=2\n"
        b"e=rr,ttfb=1795227856126,ts=5,v=2\n"
    )
    piped = replayed([Post(0.0, body), Post(1.0, body)], "dash.js")

    assert piped.total("video_playback_unattributed_beacons_total") == 5
    assert piped.total("video_playback_tallied_incidents_total", incident="error") == 1
    assert piped.total("video_playback_tallied_incidents_total", incident="stall") == 1
    assert repairs(piped) == {"dash.js bare_ec": 1}
    assert piped.total("video_playback_attempts_total") == 0


def request(query: str) -> tuple[Event, ...]:
    sender = Sender("/cmcd", DESKTOP, query={"CMCD": query})
    return FORMATS["/cmcd"].parse(b"", sender).events


def test_requests_of_media_make_plays_without_inventing_their_startup() -> None:
    """Version 1, along with requests: startup, two segments, dry, one segment; then one that
    never comes out of its startup."""
    piped = Piped()
    for query in (
        'cid="v1",ot=m,sf=h,sid="s1",su',
        'bl=0,br=3200,cid="v1",d=4004,mtp=25400,ot=v,sf=h,sid="s1",su,tb=6000',
        'bl=4000,br=3200,cid="v1",d=4004,mtp=25400,ot=v,sf=h,sid="s1",tb=6000',
        'bl=0,br=3200,bs,cid="v1",d=4004,mtp=25400,ot=v,sf=h,sid="s1",su,tb=6000',
        'bl=0,bs,cid="v1",ot=a,sf=h,sid="s1",su',
        'bl=8000,br=3200,cid="v1",d=4004,mtp=15400,ot=v,sf=h,sid="s1",tb=6000',
        'cid="v1",ot=m,sf=h,sid="s2",su',
    ):
        piped.take(request(query))
        piped.wait(2.0)
    for pause in (SILENCE, SILENCE):
        piped.wait(pause)

    assert piped.total("video_playback_attempts_total") == 2
    assert piped.total("video_playback_started_total") == 1
    assert piped.total("video_playback_ended_total", outcome="idle") == 1
    assert piped.total("video_playback_ended_total", outcome="start_dropped") == 1
    assert piped.total("video_playback_stalls_total") == 1
    assert piped.total("video_playback_startup_seconds_count") == 0
    assert piped.total("video_playback_watched_seconds_total") == 0
    assert repairs(piped) == {}
    (one, _) = [dict(p.fields) for p, _ in piped.points if p.measurement == "play"]
    assert one["throughput_bps"] == pytest.approx((3 * 25.4e6 + 15.4e6) / 4)
    assert one["top_bitrate_bps"] == 6e6


# -- one report --------------------------------------------------------------------------------


def sampled(said: str, player: str = "native") -> Sampled:
    (event,) = events(f'e=ps,sid="s1",sn=1,ts=1700000000000,v=2,{said}'.encode(), player)
    assert isinstance(event, Sampled)
    return event


@pytest.mark.parametrize(
    ("ec", "code"),
    [
        ('("a.B:1_2-3" "b")', "a.B:1_2-3"),
        ('("Ann Anderson" "b")', "b"),
        (f'("{"x" * 65}")', None),
        (f'("{"x" * 64}")', "x" * 64),
        ('("é" "")', None),
        ("25", "25"),
    ],
)
def test_a_code_is_kept_if_it_can_name_nobody(ec: str, code: str | None) -> None:
    assert sampled(f"ec={ec}").error_code == code


def test_picture_and_sound_are_summed_or_told_apart_as_it_makes_sense() -> None:
    event = sampled(
        "ab=(1),bl=(5000;v 3000;a),br=(150;v 48;a 7;tt),mtp=(30600;a 272000;v),tb=(900;v 96;a)"
    )
    untold = sampled("bl=(5000),br=(200),mtp=(9400)")
    aggregated = sampled("ab=(350)")
    on_screen = sampled("br=(200),pb=(100)")

    assert (event.bitrate_bps, event.top_bitrate_bps) == (198_000, 996_000)
    assert (event.buffer_seconds, event.throughput_bps) == (3.0, 272_000_000)
    assert (untold.bitrate_bps, untold.buffer_seconds, untold.throughput_bps) == (
        *(200_000, 5.0, 9_400_000),
    )
    assert (aggregated.bitrate_bps, on_screen.bitrate_bps) == (350_000, 100_000)


def test_the_address_names_the_player() -> None:
    def player(path: str, **query: str) -> Player:
        body = b'e=ps,sid="s1",ts=1,v=2'
        (event,) = FORMATS[path].parse(body, Sender(path, query=query)).events
        assert isinstance(event, Sampled)
        return event.player

    assert player("/cmcd/hls.js") is Player.HLS_JS
    assert player("/cmcd/shaka") is Player.SHAKA
    assert player("/cmcd", player="dash.js") is Player.DASH_JS
    assert player("/cmcd", player="HLS") is Player.HLS_JS
    assert player("/cmcd", player="anything") is Player.OTHER
    assert player("/cmcd") is Player.OTHER


def test_who_and_where_is_not_kept() -> None:
    said = (
        'cid="https://example.com/ann@example.com.mpd",nor=("../ann.m4s"),e=rr,rc=200,ts=1,v=2,'
        'sid="ann@example.com",sn=1,url="https://cdn.example.com/ann?token=secret",cdn="nowhere"'
    )
    (event,) = events(said.encode())
    written = codec().encode([Entry(1.0, (event,))])

    assert isinstance(event, Sampled)
    assert event.play_id == CLEANER.person("ann@example.com")
    assert event.video_id == CLEANER.person("https://example.com/ann@example.com.mpd")
    assert event.cdn == "other"
    assert event.viewer is None, "a response is one of many"
    assert not any(word in written for word in (b"ann", b"example", b"secret", b"nowhere"))


@pytest.mark.parametrize(
    ("said", "player", "expected"),
    [
        ("e=e,ec=25,sta=s", "dash.js", (ErrorType.MANIFEST, True)),
        ('e=e,ec=("25")', "dash.js", (ErrorType.MANIFEST, True)),
        ("e=e,ec=25,sta=p", "dash.js", (ErrorType.MANIFEST, None)),
        ("e=e,ec=25,sta=w", "dash.js", (ErrorType.MANIFEST, None)),
        ("e=t,ec=25,sta=s", "dash.js", (ErrorType.MANIFEST, None)),
        ("e=e,ec=27,sta=s", "dash.js", (ErrorType.NETWORK, None)),
        ("e=e,ec=112,sta=s", "dash.js", (ErrorType.DRM, None)),
        ("e=e,ec=25", "native", (ErrorType.MANIFEST, True)),
        ('e=e,ec=("25")', "native", (ErrorType.OTHER, None)),
        ('e=e,ec=("fragLoadTimeOut")', "hls.js", (ErrorType.TIMEOUT, None)),
        ('e=e,ec=("odd" "keySystemNoAccess"),sta=f', "hls.js", (ErrorType.DRM, True)),
        ("e=ps,sta=f", "hls.js", (None, True)),
        ("e=e", "shaka", (ErrorType.OTHER, None)),
        ("e=e,sta=f", "shaka", (None, True)),
        ("e=rr,rc=404", "dash.js", (ErrorType.NETWORK, False)),
        ("e=rr,rc=504", "dash.js", (ErrorType.TIMEOUT, False)),
        ("e=rr,rc=0", "dash.js", (None, None)),
        ("e=rr,rc=206", "dash.js", (None, None)),
        ("e=ps,sta=p", "dash.js", (None, None)),
    ],
)
def test_what_an_error_is(
    said: str, player: str, expected: tuple[ErrorType | None, bool | None]
) -> None:
    (event,) = events(f'sid="s1",sn=1,ts=1700000000000,v=2,{said}'.encode(), player)
    assert isinstance(event, Sampled)

    assert (event.error_type, event.fatal) == expected


whole = st.integers(-(10**15), 10**15)
listed = st.lists(
    st.tuples(
        st.one_of(whole, st.floats(-1e12, 1e12)), st.sampled_from((None, "v", "a", "av", "tt"))
    ),
    min_size=1,
    max_size=3,
).map(tuple)
text = st.text(max_size=128)
records = st.builds(
    Record,
    id=st.none() | st.just("1f"),
    mode=st.sampled_from(Mode),
    target=st.sampled_from(("", "hls.js", "x")),
    bare_ec=st.booleans(),
    e=st.sampled_from(("ps", "rr", "e", "t")),
    sid=st.none() | text,
    cid=st.none() | text,
    sta=st.none() | st.sampled_from(sorted(STATES)),
    cdn=st.none() | text,
    ot=st.none() | st.sampled_from(("v", "a", "m")),
    ec=st.none() | st.lists(text, min_size=1, max_size=2).map(tuple),
    pr=st.none() | st.floats(-1e12, 1e12),
    **{key: st.none() | st.booleans() for key in ("bs", "su")},
    **{
        key: st.none() | whole
        for key in ("ts", "sn", "pt", "msd", "dfa", "rc", "ttfb", "ttlb", "dl", "d")
    },
    **{
        key: st.none() | listed
        for key in ("br", "ab", "pb", "tb", "tab", "mtp", "bl", "bsa", "bsd", "bsda")
    },
)


@given(st.lists(records, min_size=1, max_size=5))
@bounded(max_examples=100)
def test_whatever_a_report_says_can_be_written_read_again_and_counted(those: list[Record]) -> None:
    found = [e for each in those for e in translate(each, Sender("/cmcd", DESKTOP, "DE"), CLEANER)]
    journal = codec()
    (entry,) = journal.decode(1, journal.encode([Entry(START, tuple(found))]))
    piped = Piped()
    piped.apply(entry)
    for pause in (SETTLE, SILENCE, SILENCE):
        piped.wait(pause)

    assert entry.events == tuple(found)
    assert len(found) == len(those)
    assert all(isinstance(event, Sampled | Tallied) for event in found)
    assert piped.total("exporter_events_received_total") == len(those)
    assert piped.total("video_playback_attempts_total") == piped.total("video_playback_ended_total")
    assert all(value >= 0 for value in piped.series("video_").values())


def test_an_error_is_read_from_a_record_alone() -> None:
    assert error(Record(id=None, mode=Mode.REQUEST, sid="s1"), Player.OTHER) == (None, None)
