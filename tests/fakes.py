"""Sinks that are no InfluxDB: each does what its test says, and counts what it was asked."""

from collections.abc import Callable, Sequence

from exporter.sink import SinkRefusedError

Plan = Callable[[Sequence[str]], None]
"""Raises what a sink answers to some lines, or returns where it takes them."""


def takes_all(lines: Sequence[str]) -> None:
    """The plan of a good day."""


def refuses(*culprits: str) -> Plan:
    """The plan of a sink that takes no parcel in which there is a culprit."""

    def plan(lines: Sequence[str]) -> None:
        if found := [line for line in lines if line in culprits]:
            raise SinkRefusedError(f"400: {found[0]}")

    return plan


class FakeSink:
    """Keeps what it takes, as a database would: a line twice is a line."""

    def __init__(self, plan: Plan = takes_all) -> None:
        self.plan = plan
        self.asked: list[tuple[str, ...]] = []
        self.kept: dict[str, None] = {}
        self.closed = False

    async def write(self, lines: Sequence[str]) -> None:
        assert not self.closed, "a sink that was closed is not written to"
        assert lines, "nothing is not worth a request"
        self.asked.append(tuple(lines))
        self.plan(lines)
        self.kept |= dict.fromkeys(lines)

    async def close(self) -> None:
        self.closed = True
