"""From a report of CMCD to what it says of a play.

A report by itself (event mode) is a sample of its player: the state that it is in, and what it has
measured. Who orders samples, and what they add up to, is the play's business. A report along with
a request of media (request mode) knows no states and no time: that the player was in need of data
or had run dry, and how fast they came, is all that it says. Addresses of media are not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from exporter.event import LATEST, UNKNOWN_COUNTRY, Cleaner, Client, Event, name_of
from exporter.events.playback.classes import BeaconFormat, Player, PlayerState, Repair
from exporter.events.playback.tally import Tallied
from exporter.events.playback.told import Sampled, error_code
from exporter.formats.cmcd.record import Mode, Numbers, Record
from exporter.formats.cmcd.repairs import LONGEST_MS, error, repairs
from exporter.formats.format import Sender
from exporter.metric import Cdn

KBIT: Final = 1000.0
MS_PER_SECOND: Final = 1000.0

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

_TOLD_ANYWAY: Final = frozenset({"ps", "t"})
"""Of these every play has some, and none has many."""

_MEDIA: Final = frozenset({None, "v", "a", "av"})
"""What is asked for in a request of media; it need not say what it is."""
_PICTURES: Final = frozenset({None, "v", "av"})


def translate(record: Record, sender: Sender, cleaner: Cleaner) -> Iterable[Event]:
    """One event: a report counts once, and a repetition of it not at all."""
    player = _player(sender.query.get("player") or record.target)
    if not record.sid:
        return (_unattributed(record, player),)
    said = dict(_about(cleaner.client(sender.user_agent, sender.country), player))
    said["play_id"] = cleaner.play(name_of(record.sid, cleaner))
    if record.cid:
        said["video_id"] = name_of(record.cid, cleaner)
    if record.cdn:
        # The journal's encoder knows str, not its subclasses.
        said["cdn"] = str(cleaner.listed(Cdn, record.cdn))
    if record.mode is Mode.REQUEST:
        _say_of_request(record, said)
    else:
        _say(record, player, said)
        if record.e in _TOLD_ANYWAY:
            # Who is not named is as good as this session.
            said["viewer"] = cleaner.who(record.sid)
    return (Sampled(id=record.id, **said),)


@lru_cache(1024)
def _player(name: str) -> Player:
    """Reports do not say who sends them: the address does, ``?player=`` or ``/cmcd/<target>``."""
    name = name.lower()
    return _PLAYERS.get(name) or Player(name)


@lru_cache(1024)
def _about(client: Client, player: Player) -> Mapping[str, Any]:
    """What all reports of a player in a browser say."""
    return {
        "player": player,
        "device": client.device,
        "browser": client.browser,
        "system": client.system,
        "region": client.region,
        "country": None if client.country == UNKNOWN_COUNTRY else client.country,
        "format": BeaconFormat.CMCD,
    }


def _unattributed(record: Record, player: Player) -> Tallied:
    """Without a session there is no play, but an error is one all the same, and so is a stall.

    A time to the first byte that is none is not repaired: nobody would use it.
    """
    error_type, fatal = error(record, player)
    return Tallied(
        id=record.id,
        beacons=1.0,
        errors=1.0 if error_type is not None or (fatal and record.e == "e") else None,
        stalls=1.0 if _is_starved(record) else None,
        player=player,
        repaired=(Repair.BARE_EC,) if record.bare_ec else (),
    )


def _is_starved(record: Record) -> bool:
    # Audio and video both say so of one stall.
    return bool(record.bs) and record.ot in _PICTURES


def _say_of_request(record: Record, said: dict[str, Any]) -> None:
    """A request that is not urgent, of a player that has data left, is one of a play that began."""
    _say_measured(record, said)
    if record.su:
        said["urgent"] = True
    elif record.ot in _MEDIA and record.bl is not None and said["buffer_seconds"] > 0.0:
        said["urgent"] = False
    if _is_starved(record):
        said["starved"] = True


def _say_measured(record: Record, said: dict[str, Any]) -> None:
    """What is measured all the time."""
    if record.mtp is not None:
        said["throughput_bps"] = _leading(record.mtp) * KBIT
    if record.bl is not None:
        said["buffer_seconds"] = min(number for number, _ in record.bl) / MS_PER_SECOND
    top = record.tb or record.tab
    if top is not None:
        said["top_bitrate_bps"] = _summed(top) * KBIT


def _say(  # noqa: C901, PLR0912, PLR0915 - a table of keys, one line of meaning each
    record: Record, player: Player, said: dict[str, Any]
) -> None:
    """The state is that of the moment, but for responses: theirs is of an earlier one, or later."""
    _say_measured(record, said)
    said["at"] = _at(record)
    if record.sn is not None and 0 <= record.sn <= MOST_SEQUENCE:
        said["sequence"] = record.sn
    if record.e == "rr":
        if record.ttfb is not None and 0 <= record.ttfb <= LONGEST_MS:
            said["ttfb_seconds"] = record.ttfb / MS_PER_SECOND
    else:
        if record.sta is not None:
            said["state"] = _STATES[record.sta]
        bitrate = record.pb or record.br or record.ab
        if bitrate is not None:
            said["bitrate_bps"] = _summed(bitrate) * KBIT
    if record.pr is not None:
        said["speed"] = record.pr
    if record.msd is not None:
        said["startup_seconds"] = record.msd / MS_PER_SECOND
    if record.pt is not None:
        said["position_seconds"] = record.pt / MS_PER_SECOND
    if record.dfa is not None:
        said["dropped_frames"] = float(record.dfa)
    if record.bsa is not None:
        said["stalls"] = _highest(record.bsa)
    if record.bsda is not None:
        said["stalled_seconds"] = _highest(record.bsda) / MS_PER_SECOND
    if record.bsd is not None:
        said["stall_seconds"] = _highest(record.bsd) / MS_PER_SECOND
    error_type, fatal = error(record, player)
    if error_type is not None or fatal is not None:
        said["error_type"], said["fatal"] = error_type, fatal
    if record.ec is not None:
        said["error_code"] = error_code(*record.ec)
    repaired = repairs(record)
    if repaired:
        said["repaired"] = repaired


def _at(record: Record) -> float | None:
    """When it happened; a response carries the moment of its request."""
    if record.ts is None:
        return None
    at = record.ts / MS_PER_SECOND
    if record.e == "rr" and record.ttlb is not None and 0 <= record.ttlb <= LONGEST_MS:
        at += record.ttlb / MS_PER_SECOND
    return at if 0.0 <= at <= LATEST else None


def _summed(numbers: Numbers) -> float:
    """Of sound and picture together; who does not tell them apart means both."""
    if len(numbers) == 1:
        return numbers[0][0]
    apart = [number for number, kind in numbers if kind is not None and kind in _MEDIA]
    return sum(apart) if apart else numbers[0][0]


def _leading(numbers: Numbers) -> float:
    """Of the picture, if it is told apart from the sound."""
    if len(numbers) == 1:
        return numbers[0][0]
    return next((number for number, kind in numbers if kind in _PICTURES), numbers[0][0])


def _highest(numbers: Numbers) -> float:
    return float(max(number for number, _ in numbers))
