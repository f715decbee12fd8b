"""Stories of plays: those of our pages, of servers and players by events, of players by CMCD.

What a play adds up to out of its states waits for what may still overtake them, so how far it has
come depends on the time between two beacons. So a play that tells states tells them in one beacon,
and its end in another: by then it has settled, or it settles with the end, and both are the same.
What a page has counted itself is cumulative, and may come in as many beacons as it likes.
"""

from typing import Any

from tests.durability.telling import AT, COUNTRIES, NETWORKS, Body, Post, Story, Teller

VIDEOS = 12
ENDS = ("finished", "left", "failed")
PLAYERS = ("hls.js", "dash.js", "shaka", "native", "odd")
CDNS = ("fastly", "cloudflare", "of our own")
BITRATES = (800_000, 2_400_000, 6_000_000)
FAILURES = ("manifest could not be parsed", "HTTP 503", "decoding failed", "odd")
DURATION = 600
ANALYTICS = "/api/analytics"
MS = 1000


class Plays(Teller):
    """What is told while somebody watches; see :class:`tests.durability.traffic.Stories`."""

    def _video(self) -> str:
        return f"video-{self._random.randrange(VIDEOS)}"

    # -- by the trackers of our pages ------------------------------------------------------------

    def _play_of_page(self) -> Story:
        """A view, what the page has counted every 15 s, and, mostly, the end."""
        chance, agent = self._random, self._agent()
        session = {"session_id": self._name("view")}
        viewed = {
            "video_id": chance.choice((self._video(), chance.randrange(VIDEOS), None)),
            "course_id": chance.choice(("c1", 2, None)),
            "user_id": chance.choice((self._person(), None)),
            "video_duration_seconds": chance.choice((DURATION, None)),
            "is_preview": self._maybe(0.2),
        }
        story = [self._of_page(f"{ANALYTICS}/video-view", {**session, **viewed}, agent)]
        watched, at, pauses = 0.0, 0.0, 0
        for _ in range(chance.randrange(5)):
            seconds = self._eighths(5, 15)
            # Who jumps has watched no more.
            watched, at = watched + seconds, at + seconds + chance.choice((0, 0, 120))
            pauses += chance.randrange(2)
            totals = {**session, **_totals(watched, min(at, DURATION), pauses)}
            progress = self._of_page(f"{ANALYTICS}/video-progress", totals, agent)
            story.append(progress._replace(anew=True))
        if len(story) > 1 and self._maybe(0.7):
            totals = {**session, **_totals(watched + 3, DURATION, pauses)}
            story.append(self._of_page(f"{ANALYTICS}/video-complete", totals, agent))
        return story

    # -- by events -------------------------------------------------------------------------------

    def _play(self) -> Story:
        """Its states, and mostly its end; its numbers have gaps: beacons that are lost."""
        about, states, at = self._states()
        end = self._end_of_play(about, at)
        return [self._events(*states)] + ([self._events(end)] if self._maybe(0.8) else [])

    def _play_at_once(self) -> Story:
        """A play that its server tells when it is over."""
        return [self._events(*self._whole_play())]

    def _whole_play(self) -> list[Body]:
        about, states, at = self._states()
        return [*states, self._end_of_play(about, at)]

    def _states(self) -> tuple[Body, list[Body], float]:
        """What all events of a play say, its states, and the time of the last of them."""
        chance = self._random
        about = {
            "play_id": self._another("play"),
            "video_id": self._video(),
            "course_id": "c1",
            "duration_seconds": float(DURATION),
            "player": chance.choice(PLAYERS),
            "cdn": chance.choice(CDNS),
            "network": chance.choice(NETWORKS),
            "user_agent": self._agent(),
            "country": chance.choice(COUNTRIES),
        }
        at = AT
        states: list[Body] = [
            {"type": "playback.requested", "viewer": self._person(), "at": at},
            {"type": "playback.prepared", "ready": self._maybe(0.5), "at": at},
        ]
        kinds = [
            "rendition_changed",
            "stalled",
            "buffered",
            "paused",
            "resumed",
            "seeked",
            "resumed",
        ]
        for kind in ["started", *kinds[: chance.randrange(len(kinds) + 1)]]:
            at += self._eighths(0.125, 9)
            more = {"bitrate_bps": chance.choice(BITRATES)} if kind == "rendition_changed" else {}
            states.append({"type": f"playback.{kind}", "at": at, **more})
        if self._maybe(0.2):
            error = {"error": chance.choice(FAILURES), "error_code": "E.7", "fatal": False}
            states.append({"type": "playback.failed", "at": at + 0.5, **error})
        numbers = sorted(chance.sample(range(len(states) + 2), len(states)))
        pairs = zip(states, numbers, strict=True)
        return about, [{**about, **state, "sequence": n} for state, n in pairs], at + 0.5

    def _end_of_play(self, about: Body, at: float) -> Body:
        end = self._random.choice(ENDS)
        more: Body = {"error": self._random.choice(FAILURES)} if end == "failed" else {}
        if end != "failed":
            more = {"position_seconds": self._eighths(10, DURATION)}
        seconds = self._eighths(1, 90)
        return {"type": f"playback.{end}", **about, "at": at + seconds, "sequence": 20, **more}

    # -- by CMCD ---------------------------------------------------------------------------------

    def _play_of_player(self) -> Story:
        """Reports of version 2, many in a body, with their states; the last one in a body alone."""
        chance = self._random
        player = chance.choice(("hls.js", "dash.js", "shaka", "native"))
        agent = self._agent()
        about = {
            "cid": f'"{self._video()}"',
            "cdn": f'"{chance.choice(CDNS)}"',
            "sid": f'"{self._name("cmcd")}"',
        }
        at, position, lines = int(AT) * MS, 0, []
        for state in ("s", "p", "p", *chance.choice(((), ("r", "p"), ("a", "p"), ("k", "p", "r")))):
            lines.append({**about, "e": "ps", "sta": state, "ts": at, "pt": position})
            at += 125 * chance.randrange(1, 80)
            position += 125 * chance.randrange(1, 80)
        for line in lines:
            line |= {"bl": f"({chance.randrange(9) * 100})", "br": "(2400)", "mtp": "(14400)"}
        numbers = sorted(chance.sample(range(len(lines) + 2), len(lines)))
        for line, number in zip(lines, numbers, strict=True):
            line["sn"] = number
        story = [self._reports(player, agent, *lines)]
        if self._maybe(0.8):
            end = chance.choice(({"sta": "e"}, {"sta": "q"}, {"sta": "f", "ec": '("E.7")'}))
            over = {**about, "e": "ps", "sn": 20, "ts": at, **end}
            story.append(self._reports(player, agent, over))
        return story

    def _report_of_nobody(self) -> Story:
        """dash.js as it comes names no session."""
        report = {"e": "e", "ec": '("27")', "sta": "p", "ts": int(AT) * MS + self._told}
        return [self._reports("dash.js", self._agent(), report)]

    def _reports(self, player: str, agent: str, *lines: dict[str, Any]) -> Post:
        said = [{**line, "v": 2} for line in lines]
        body = "\n".join(",".join(f"{key}={value}" for key, value in line.items()) for line in said)
        return Post(
            f"/cmcd/{player}",
            None,
            body.encode(),
            len(lines),
            agent,
            "application/cmcd",
            impatient=True,
        )


def _totals(watched: float, at: float, pauses: int) -> Body:
    return {
        "current_position_seconds": at,
        "watch_time_seconds": watched,
        "pause_count": pauses,
        "seek_count": pauses // 2,
        "average_playback_speed": 1,
        "quality_changes": pauses,
    }
