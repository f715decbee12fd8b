"""From a report of CMCD to what it says of a play.

A report by itself (event mode) is a sample of its player: the state that it is in, and what it has
measured. Who orders samples, and what they add up to, is the play's business. A report along with
a request of media (request mode) knows no states and no time: that the player was in need of data
or had run dry, and how fast they came, is all that it says. Addresses of media are not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from exporter.event import UNKNOWN_COUNTRY, Cleaner, Event
from exporter.events.playback.classes import BeaconFormat, Player, PlayerState
from exporter.events.playback.tally import Tallied
from exporter.events.playback.told import Sampled
from exporter.formats.cmcd.record import Mode, Numbers, Record
from exporter.formats.cmcd.repairs import LONGEST_MS, error, repairs
from exporter.formats.format import Sender
from exporter.metric import Cdn

KBIT: Final = 1000.0
MS: Final = 1000.0

LATEST: Final = 32_503_680_000
MOST_SEQUENCE: Final = 10_000_000

_STATES: Final = {
    "d": PlayerState.PRELOADING,
    "s": PlayerState.STARTING,
    "p": PlayerState.PLAYING,
    "k": PlayerState.SEEKING,
    "r": PlayerState.REBUFFERING,
    "a": PlayerState.PAUSED,
    "w": PlayerState.WAITING,
    "e": PlayerState.ENDED,
    "f": PlayerState.FAILED,
    "q": PlayerState.QUIT,
}
_PLAYERS: Final = {
    "hls": Player.HLS_JS,
    "hlsjs": Player.HLS_JS,
    "dash": Player.DASH_JS,
    "dashjs": Player.DASH_JS,
    "shaka-player": Player.SHAKA,
}
"""Other names of players; a player's own name is its first one."""

_MEDIA: Final = frozenset({None, "v", "a", "av"})
"""What is asked for in a request of media; it need not say what it is."""
_PICTURES: Final = frozenset({None, "v", "av"})

_is_name = re.compile(r"[A-Za-z0-9._:\-]{1,128}").fullmatch


def translate(record: Record, sender: Sender, cleaner: Cleaner) -> Iterable[Event]:
    """One event: a report counts once, and a repetition of it not at all."""
    player = _player(record, sender)
    if record.sid is None or record.sid == "":
        return (_unattributed(record, player),)
    if record.mode is Mode.REQUEST:
        return (_requested(record, record.sid, player, sender, cleaner),)
    return (_sampled(record, record.sid, player, sender, cleaner),)


def _player(record: Record, sender: Sender) -> Player:
    """Reports do not say who sends them: the address does, ``?player=`` or ``/cmcd/<target>``."""
    name = (sender.query.get("player") or record.target).lower()
    return _PLAYERS.get(name) or Player(name)


def _unattributed(record: Record, player: Player) -> Tallied:
    """Without a session there is no play, but an error is one all the same."""
    error_type, fatal = error(record, player)
    return Tallied(
        id=record.id,
        beacons=1.0,
        errors=1.0 if error_type is not None or (fatal and record.e == "e") else None,
        stalls=1.0 if _is_starved(record) else None,
    )


def _is_starved(record: Record) -> bool:
    # Audio and video both say so of one stall.
    return record.mode is Mode.REQUEST and bool(record.bs) and record.ot in _PICTURES


def _requested(
    record: Record, sid: str, player: Player, sender: Sender, cleaner: Cleaner
) -> Sampled:
    """A request that is not urgent, of a player that has data left, is one of a play that began."""
    urgent = None
    if record.su:
        urgent = True
    elif record.ot in _MEDIA and (_lowest(record.bl) or 0.0) > 0.0:
        urgent = False
    return Sampled(
        id=record.id,
        throughput_bps=_times(_leading(record.mtp), KBIT),
        buffer_seconds=_over(_lowest(record.bl), MS),
        top_bitrate_bps=_times(_summed(record.tb), KBIT),
        urgent=urgent,
        starved=_is_starved(record),
        **_common(record, sid, player, sender, cleaner),
    )


def _sampled(record: Record, sid: str, player: Player, sender: Sender, cleaner: Cleaner) -> Sampled:
    """The state is that of the moment, but for responses: theirs is of an earlier one, or later."""
    response = record.e == "rr"
    error_type, fatal = error(record, player)
    bitrate = record.pb or record.br or record.ab
    ttfb = record.ttfb if response and _is_delay(record.ttfb) else None
    return Sampled(
        id=record.id,
        at=_at(record),
        sequence=record.sn if record.sn is not None and 0 <= record.sn <= MOST_SEQUENCE else None,
        state=None if response or record.sta is None else _STATES.get(record.sta),
        startup_seconds=_over(record.msd, MS),
        position_seconds=_over(record.pt, MS),
        speed=record.pr,
        bitrate_bps=None if response else _times(_summed(bitrate), KBIT),
        top_bitrate_bps=_times(_summed(record.tb or record.tab), KBIT),
        throughput_bps=_times(_leading(record.mtp), KBIT),
        buffer_seconds=_over(_lowest(record.bl), MS),
        ttfb_seconds=_over(ttfb, MS),
        dropped_frames=_over(record.dfa, 1.0),
        stalls=_highest(record.bsa),
        stalled_seconds=_over(_highest(record.bsda), MS),
        stall_seconds=_over(_highest(record.bsd), MS),
        error_type=error_type,
        fatal=fatal,
        repaired=tuple(repairs(record)),
        **_common(record, sid, player, sender, cleaner),
    )


def _common(
    record: Record, sid: str, player: Player, sender: Sender, cleaner: Cleaner
) -> dict[str, Any]:
    client = cleaner.client(sender.user_agent, sender.country)
    return {
        "play_id": _name(sid, cleaner),
        "video_id": _name(record.cid, cleaner) if record.cid else None,
        "player": player,
        # The journal's encoder knows str, not its subclasses.
        "cdn": str(cleaner.listed(Cdn, record.cdn)) if record.cdn else None,
        "device": client.device,
        "browser": client.browser,
        "system": client.system,
        "region": client.region,
        "country": None if client.country == UNKNOWN_COUNTRY else client.country,
        "format": BeaconFormat.CMCD,
    }


def _name(text: str, cleaner: Cleaner) -> str:
    """An id that a program made stays what it is; what may be anything becomes a hash."""
    return text if _is_name(text) else cleaner.person(text)


def _at(record: Record) -> float | None:
    """When it happened; a response carries the moment of its request."""
    if record.ts is None:
        return None
    waited = record.ttlb if record.e == "rr" and _is_delay(record.ttlb) else None
    at = (record.ts + (waited or 0)) / MS
    return at if 0.0 <= at <= LATEST else None


def _is_delay(ms: int | None) -> bool:
    return ms is not None and 0 <= ms <= LONGEST_MS


def _over(number: float | None, unit: float) -> float | None:
    return None if number is None else number / unit


def _times(number: float | None, unit: float) -> float | None:
    return None if number is None else number * unit


def _summed(numbers: Numbers | None) -> float | None:
    """Of sound and picture together; who does not tell them apart means both."""
    if numbers is None:
        return None
    if len(numbers) == 1:
        return numbers[0][0]
    apart = [number for number, kind in numbers if kind is not None and kind in _MEDIA]
    return sum(apart) if apart else numbers[0][0]


def _leading(numbers: Numbers | None) -> float | None:
    """Of the picture, if it is told apart from the sound."""
    if numbers is None:
        return None
    return next((number for number, kind in numbers if kind in _PICTURES), numbers[0][0])


def _lowest(numbers: Numbers | None) -> float | None:
    return None if numbers is None else min(number for number, _ in numbers)


def _highest(numbers: Numbers | None) -> float | None:
    return None if numbers is None else max(number for number, _ in numbers)
