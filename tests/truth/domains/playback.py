"""Plays of known fate: some of a player that says everything, some of our tracker alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from tests.truth.domains.told import Teller, Told, near, p95
from tests.truth.facts import Span
from tests.truth.plans import AGENTS, Agent
from tests.truth.sending import Step

STARTUP_LIMITS = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
PLAYERS = ("hls.js", "dash.js", "shaka", "native")
NETWORKS = ("4g", "3g", "2g")
CDNS = {"fastly": "fastly", "Akamai": "akamai", "garage": "other"}
FOLLOWED, TRACKED = 400, 150
ANALYTICS = "/api/analytics"

BEFORE_START = ("start_failed", "start_exited", "start_dropped")
ENDED_PLAYS = ("finished", "left", "failed")


class Who(NamedTuple):
    """The segments of a play."""

    agent: Agent
    player: str
    network: str
    cdn: str


class Ledger:
    """What all plays amount to, by segment and member; the whole is under an empty name."""

    def __init__(self) -> None:
        self.sums: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.startups: defaultdict[tuple[str, str], list[float]] = defaultdict(list)

    def add(self, who: Who, **amounts: float) -> None:
        """Count for the whole and for every segment."""
        for key in self._keys(who):
            self.sums[key].update(amounts)  # type: ignore[arg-type]

    def started(self, who: Who, seconds: float) -> None:
        """A startup time."""
        for key in self._keys(who):
            self.startups[key].append(seconds)

    @staticmethod
    def _keys(who: Who) -> tuple[tuple[str, str], ...]:
        return (
            ("", ""),
            ("device", who.agent.device),
            ("player", who.player),
            ("network", who.network),
            ("cdn", CDNS.get(who.cdn, "other")),
        )


def told(seed: int, epoch: float) -> Told:
    """Everything about plays."""
    teller, ledger = Teller("play", seed, epoch), Ledger()
    for _ in range(FOLLOWED):
        _followed(teller, ledger)
    for _ in range(TRACKED):
        _tracked(teller, ledger)
    _settle(teller.told, ledger)
    return teller.told


class _Play:
    """A play whose player numbers what it says; some of it gets lost on the way."""

    def __init__(self, teller: Teller) -> None:
        rng = teller.rng
        agent = rng.choice([each for each in AGENTS if each.text])
        self.who = Who(agent, rng.choice(PLAYERS), rng.choice(NETWORKS), rng.choice(list(CDNS)))
        self.steps: list[Step] = []
        self.sent = self.lost = 0
        self.rng = rng
        self._teller = teller
        self._name = teller.name()
        self._began = rng.uniform(-3600, 0)

    def say(self, kind: str, after: float, *, may_be_lost: bool = False, **said: Any) -> None:
        """One event; the first and the last always arrive, or nobody knows that they are missed."""
        number = self.sent + self.lost
        if may_be_lost and self._teller.rng.random() < 0.15:
            self.lost += 1
            return
        self.sent += 1
        at, play = self._began + after, self._name
        event = self._teller.event(f"playback.{kind}", at, play_id=play, sequence=number, **said)
        self.steps.append(self._teller.native(event))


def _followed(teller: Teller, ledger: Ledger) -> None:
    rng, play = teller.rng, _Play(teller)
    who, duration = play.who, float(rng.choice((60, 120, 300)))
    play.say(
        "requested",
        0.0,
        video_id=f"video-{rng.randrange(9)}",
        duration_seconds=duration,
        player=who.player,
        network=who.network,
        cdn=who.cdn,
        user_agent=who.agent.text,
    )
    outcome = rng.choices((*BEFORE_START, *ENDED_PLAYS), (5, 5, 2, 50, 30, 8))[0]
    if outcome == "start_failed":
        play.say("failed", 3.0, error="manifestLoadError")
    elif outcome in BEFORE_START:
        play.say("left", 4.0 if outcome == "start_exited" else 0.4)
    else:
        startup = round(rng.uniform(0.2, 6.0), 3)
        play.say("started", startup, startup_seconds=startup)
        ledger.started(who, startup)
        _watch(play, ledger, outcome, startup, duration)
    beacons = {"expected": play.sent + play.lost, "missing": play.lost}
    # Who never saw a frame has seen nothing of a video whose duration is known.
    ledger.add(who, attempts=1, measured=1, **{outcome: 1}, **beacons)
    ledger.sums["format", "events"].update(beacons)
    teller.story(play.steps, shuffled=rng.random() < 0.25)


def _watch(play: _Play, ledger: Ledger, outcome: str, startup: float, duration: float) -> None:
    rng, who = play.rng, play.who
    position = round(duration * (1.0 if outcome == "finished" else rng.uniform(0.1, 0.99)), 2)
    stalled = round(rng.uniform(0, 4), 3) if rng.random() < 0.3 else 0.0
    watched = round(startup + position + stalled, 3)
    bits = round(position * rng.choice((8e5, 2.5e6, 6e6)))
    for part in (0.3, 0.6):
        # What a lost report would have said, the next one says again: everything is cumulative.
        play.say(
            "progressed",
            watched * part,
            may_be_lost=True,
            position_seconds=round(position * part, 3),
            watched_seconds=round(watched * part, 3),
            media_seconds=round(position * part, 3),
            bits=round(bits * part),
        )
    whole = {
        "position_seconds": position,
        "watched_seconds": watched,
        "media_seconds": position,
        "bits": bits,
        "stalls": int(stalled > 0),
        "stalled_seconds": stalled,
    }
    if outcome == "failed":
        play.say("progressed", watched, **whole)
        play.say("failed", watched + 0.5, error="fragLoadTimeOut")
    else:
        play.say(outcome, watched, **whole)
    ledger.add(
        who,
        watched=watched,
        stalled=stalled,
        media=position,
        bits=bits,
        completed=float(position >= 0.9 * duration),
        engagement=min(1.0, watched / duration),
    )


def _tracked(teller: Teller, ledger: Ledger) -> None:
    """A view, reports of which each contains the ones before, in any order, and perhaps an end."""
    rng = teller.rng
    agent = rng.choice([each for each in AGENTS if each.text])
    who = Who(agent, "other", "other", "nowhere")
    session, duration = f"1699123456{rng.randrange(999):03}-{teller.name()}", 120.0
    view = {
        "video_id": f"video-{rng.randrange(9)}",
        "course_id": "course-1",
        "session_id": session,
        "user_id": f"user-{rng.randrange(30)}",
        "video_duration_seconds": duration,
        "is_preview": False,
    }
    position = float(rng.choice((15, 45, 60, 105, 120)))
    steps: list[Step] = [teller.page(f"{ANALYTICS}/video-view", view, agent.text)]
    for seconds in range(15, int(position) + 1, 15):
        body = _progress(session, float(seconds))
        steps.append(teller.page(f"{ANALYTICS}/video-progress", body, agent.text, again=False))
    completes = position == duration
    if completes:
        body = _progress(session, position)
        steps.append(teller.page(f"{ANALYTICS}/video-complete", body, agent.text))
    teller.story(steps, shuffled=rng.random() < 0.5)
    ledger.add(
        who,
        attempts=1,
        watched=position,
        measured=1,
        completed=float(position >= 0.9 * duration),
        engagement=position / duration,
        **{"finished" if completes else "idle": 1},
    )


def _progress(session: str, seconds: float) -> dict[str, Any]:
    return {
        "session_id": session,
        "current_position_seconds": seconds,
        "watch_time_seconds": seconds,
        "play_count": 1,
        "pause_count": 0,
        "seek_count": 0,
    }


def _settle(truth: Told, ledger: Ledger) -> None:
    for (segment, member), sums in ledger.sums.items():

        def put(kpi: str, of: tuple[str, ...], span: Span, at: tuple[str, str]) -> None:
            if not at[0]:
                truth.kpis[kpi] = span
            elif at[0] in of:
                truth.segments[kpi, *at] = span

        at = (segment, member)
        attempts, ended = sums["attempts"], sum(sums[each] for each in (*ENDED_PLAYS, "idle"))
        player = ("player",)
        for kpi, part, whole, of in (
            ("playback_start_failure_ratio", sums["start_failed"], attempts, player),
            ("playback_exit_before_start_ratio", sums["start_exited"], attempts, player),
            ("playback_failure_ratio", sums["failed"], ended, player),
            ("playback_completion_ratio", sums["completed"], sums["measured"], ("device",)),
            ("playback_engagement_ratio", sums["engagement"], sums["measured"], ("device",)),
            (
                "playback_rebuffer_ratio",
                sums["stalled"],
                sums["watched"],
                ("network", "cdn", "player"),
            ),
            ("playback_bitrate_mean_bps", sums["bits"], sums["media"], ("network", "device")),
            ("beacon_loss_ratio", sums["missing"], sums["expected"], ("format",)),
        ):
            if whole:
                put(kpi, of, near(part / whole), at)
        startups = ledger.startups.get(at, [])
        if startups:
            span = p95(startups, STARTUP_LIMITS)
            put("playback_startup_p95_seconds", ("device", "network", "player"), span, at)
