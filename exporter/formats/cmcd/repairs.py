"""What players get wrong in a single report, and what each of their error codes means.

Defects that show only in a whole play (a startup that was told too early, a stall before the first
frame, states that are missing) are repaired by the play (:mod:`exporter.events.playback`).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from exporter.events.playback.classes import ErrorType, Player, Repair
from exporter.formats.cmcd.record import Record

LONGEST_MS: Final = 86_400_000
"""A response that takes longer than a day is a moment (dash.js 5.2.1: ms since 1970)."""

_DASH_JS: Final = {
    ErrorType.MANIFEST: (10, 11, 12, 22, 25, 29, 31, 32),
    ErrorType.NETWORK: (15, 16, 17, 18, 19, 26, 27, 28),
    ErrorType.MEDIA: (20, 21, 33),
    ErrorType.UNSUPPORTED: (23, 34, 35),
    ErrorType.DRM: (24, 36, *range(100, 115)),
}
_DASH_JS_TYPES: Final = {
    str(code): error_type for error_type, codes in _DASH_JS.items() for code in codes
}
_DASH_JS_HOPELESS: Final = frozenset({"10", "11", "23", "25", "31", "32", "34", "35"})
"""After these dash.js has nothing that it could play, and does not say that this is the end."""

_BEFORE_START: Final = frozenset({None, "d", "s"})


def repairs(record: Record) -> tuple[Repair, ...]:
    """What has to be repaired in a report."""
    found: tuple[Repair, ...] = ()
    if record.ttfb is not None and record.ttfb > LONGEST_MS:
        found = (Repair.EPOCH_TTFB,)
    return (*found, Repair.BARE_EC) if record.bare_ec else found


def error(record: Record, player: Player) -> tuple[ErrorType | None, bool | None]:
    """What kind of error a report tells of, if of any, and whether it is the end of the play.

    None where that is not said: CMCD has no severity, but the state "fatal".
    """
    fatal = record.sta == "f" or None
    if record.ec is not None:
        numbered = player is Player.DASH_JS or record.bare_ec
        # dash.js repeats its last error in every later report, in whatever state it is by then.
        if numbered and record.e == "e" and record.sta in _BEFORE_START:
            fatal = fatal or (not _DASH_JS_HOPELESS.isdisjoint(record.ec)) or None
        return _error_type(record.ec, _DASH_JS_TYPES if numbered else {}), fatal
    if record.e == "e":
        # Who has failed may name the error in the next report.
        return (None if fatal else ErrorType.OTHER), fatal
    # 0 is no answer, as there is none where a jump has made a request needless.
    if record.e == "rr" and record.rc is not None and record.rc >= HTTPStatus.BAD_REQUEST:
        return _error_type((f"HTTP {record.rc}",), {}), False
    return None, fatal


def _error_type(codes: tuple[str, ...], types: dict[str, ErrorType]) -> ErrorType:
    """That of the first code that says anything."""
    for code in codes:
        error_type = types.get(code) or ErrorType.of(code)
        if error_type is not ErrorType.OTHER:
            return error_type
    return ErrorType.OTHER
