"""What a sink is: somewhere points go, and how a parcel that it will not take is split.

A sink that is away or busy gets the same parcel again, for as long as it takes. A sink that
refuses a parcel has found a culprit in it: the parcel is halved until the culprits stand alone,
so one bad line costs exactly one line. Points are idempotent, so halves may be sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class SinkAwayError(Exception):
    """Nobody answered, or not in time; try again later."""


class SinkBusyError(Exception):
    """The sink said "later" (429 or 5xx); try again after a while."""


class SinkRefusedError(Exception):
    """The sink refuses what it got; sending it again as it is cannot help."""


class Sink(Protocol):
    """Somewhere points go."""

    async def write(self, lines: Sequence[str]) -> None:
        """Deliver all lines, or raise one of the errors above."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


async def deliver(sink: Sink, lines: Sequence[str]) -> list[tuple[str, str]]:
    """Deliver ``lines``; returns those that the sink refused, each with the reason it gave.

    Raises :class:`SinkAwayError` or :class:`SinkBusyError`; then nothing may be taken out of the
    outbox, although some lines may have arrived.
    """
    try:
        await sink.write(lines)
    except SinkRefusedError as refusal:
        if len(lines) == 1:
            return [(lines[0], str(refusal))]
        middle = len(lines) // 2
        return await deliver(sink, lines[:middle]) + await deliver(sink, lines[middle:])
    return []
