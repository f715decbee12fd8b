"""From an accepted beacon to its effects: written down, acknowledged, counted, checkpointed.

The loop's thread owns the pipeline. The journal's thread writes entries and the state thread
writes checkpoints; both hand their results back to the loop. What a crash interrupts is counted
again from the journal, to the same numbers.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from exporter import telemetry
from exporter.checkpoint import Backlog, Snapshot, StateFile, UnreadableStateError, without
from exporter.clock import Clock
from exporter.event import Event, Point, is_name
from exporter.journal import Commit, Journal
from exporter.pipeline import Pipeline
from exporter.record import Entry, People, Refusal
from exporter.store import Store
from exporter.telemetry import Rejection

log = logging.getLogger(__name__)
T = TypeVar("T")

REPLAY_STRETCH: Final = 50_000
"""Entries that are replayed between two checkpoints, so that memory stays bounded."""

SLICE: Final = 100
"""Sessions that a checkpoint encodes at a time: it holds up beacons for one or two milliseconds."""

WORTH_A_WORD: Final = 5.0
"""Seconds by which the wall clock has gone back between two starts."""

HANGS: Final = 5
"""Ticks without a commit, though somebody waits for one, after which the disk counts as hanging."""

MOST_UNSAVED_BYTES: Final = 64 * 2**20
"""Records that no checkpoint holds, as when the state file cannot be written: in memory they take
several times as much."""

MOST_SAMPLES: Final = 20
"""Refused beacons of which a sample is kept, between two ticks; the others are counted."""


class NotWrittenError(Exception):
    """The journal could not write; nothing was acknowledged and nothing is counted."""


class Engine:
    """Owns the journal, the state and the pipeline of one instance."""

    def __init__(
        self,
        *,
        journal: Journal,
        state: StateFile,
        pipeline: Pipeline,
        process: Store,
        clock: Clock,
        line: Callable[[Point, int], str],
    ) -> None:
        self.pipeline = pipeline
        self.process = process
        self.journal = journal
        self.clock = clock
        self.replayed = 0
        self.applied = 0
        self.backlog = Backlog(0, 0, None)
        self.dead_letters = 0
        self.room = True
        """Whether the disk is above its floor."""
        self.failing = False
        """Whether the last commit failed."""
        self.hanging = False
        """Whether no commit has ended for a while, though somebody waits for one."""
        self.unsaved_bytes = 0
        """Bytes of the records behind the last checkpoint."""
        self._state = state
        self._line = line
        self._state_thread = ThreadPoolExecutor(1, thread_name_prefix="state")
        self._waiting: deque[tuple[float, asyncio.Future[int] | None]] = deque()
        self._turned_away = _TurnedAway()
        self._unsaved: Snapshot | None = None
        self._saving_bytes = 0
        self._lines: list[str] = []
        self._saved = 0
        self._since_commit = 0
        self._overdue = False
        self._loop: asyncio.AbstractEventLoop

    def recover(self) -> None:
        """Take over the last checkpoint and count what the journal holds behind it."""
        saved = self._state.load()
        pipeline = self.pipeline
        try:
            gone = pipeline.store.restore(saved.counters)
            pipeline.sessions.restore(saved.sessions)
        except (KeyError, msgspec.MsgspecError) as error:
            raise UnreadableStateError(
                f"the state holds what this release cannot read: {error}"
            ) from error
        if gone:
            log.warning("saved series that no longer exist were left out", extra={"series": gone})
        pipeline.dedup.restore(saved.generation, saved.turned, saved.ids)
        pipeline.roster.restore(saved.values, saved.now)
        pipeline.now, pipeline.stamps = saved.now, saved.stamps
        self.applied = self._saved = saved.position
        self.journal.continue_after(saved.position)
        for position, entry in self.journal.read(saved.position):
            self._apply(entry)
            self.applied = position
            self.replayed += 1
            if self.replayed % REPLAY_STRETCH == 0:
                self._save_early()
        ahead = pipeline.now - self.clock.now()
        if ahead > WORTH_A_WORD:
            log.warning(
                "the wall clock is behind what was counted", extra={"seconds": round(ahead)}
            )
        self.clock.not_before(pipeline.now)
        with self._state.readable():
            self.backlog = self._state.backlog()
            self.dead_letters = self._state.dead_letters()

    def _save_early(self) -> None:
        """Save within a replay; where that fails, as on a full disk, it is done later.

        What is on disk is counted all the same: the start must not end.
        """
        if self._unsaved is None:
            self._unsaved = self._snapshot()
        self.pipeline.sessions.lull()
        try:
            self._save(self._unsaved)
        except sqlite3.Error:
            log.warning("a checkpoint within the replay failed; it is tried again", exc_info=True)
        else:
            self._unsaved = None

    def start(self) -> None:
        """Begin to take entries, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self.journal.start(self._committed)

    def write(self, events: tuple[Event, ...]) -> asyncio.Future[int]:
        """When they are on disk and counted, how many were repeats; or NotWrittenError."""
        future = self._loop.create_future()
        self._append(self._turned_away.entry(self.clock.now(), events), future)
        return future

    async def forget(self, people: People) -> int:
        """Keep nothing of them from here on; returns how many points lost a name.

        NotWrittenError if that cannot be written down.
        """
        plays = tuple(filter(is_name, people.names))
        future = self._loop.create_future()
        entry = self._turned_away.entry(self.clock.now(), ())
        entry = msgspec.structs.replace(entry, forgotten=people.hashes, plays=plays)
        self._append(entry, future)
        await future
        # From now on what is kept no longer comes out of the journal, where the hash still is.
        position = self.applied
        while self._saved < position:
            await self.checkpoint()
        return await self.in_state_thread(self._state.forget, people, plays)

    def turn_away(self, refusals: Sequence[Refusal] = (), *, limited: int = 0) -> None:
        """Count what was not taken; it is written down with the next entry."""
        if refusals or limited:
            self._turned_away.add(refusals, limited=limited)

    @property
    def wants_samples(self) -> bool:
        """Whether one more refused beacon would be kept, and not only counted."""
        return self._turned_away.wants_samples

    def refuse(self) -> None:
        """Count a beacon that got 503; it is written down once writing works again."""
        self._turned_away.refused += 1

    def tick(self) -> None:
        """Write down that time has passed, and look whether that can be done."""
        self._turned_away.renew()
        self._watch_commits()
        self._watch_checkpoints()
        if self.room and not self.hanging:
            self._append(self._turned_away.entry(self.clock.now(), ()), None)

    @property
    def writable(self) -> bool:
        """Whether beacons can be acknowledged, as far as the last attempt tells."""
        return self.room and not (self.failing or self.hanging or self._overdue)

    @property
    def lag(self) -> float:
        """Age in seconds of the oldest entry that is not yet counted."""
        return self.clock.now() - self._waiting[0][0] if self._waiting else 0.0

    def watch_disk(self, directory: Path, floor: int) -> int:
        """Refuse beacons before the disk is full; returns how much is free, in bytes."""
        free = shutil.disk_usage(directory).free
        if (free >= floor) != self.room:
            self.room = not self.room
            log.warning(
                "beacons are taken again" if self.room else "beacons are refused: disk full",
                extra={"free_bytes": free, "floor_bytes": floor},
            )
        return free

    def _watch_commits(self) -> None:
        """Counted in ticks, of which a process that sleeps has none, and not in seconds."""
        self._since_commit = self._since_commit + 1 if self._waiting else 0
        if self._since_commit < HANGS or self.hanging:
            return
        self.hanging = True
        log.error("beacons are refused: the disk hangs", extra={"waiting": len(self._waiting)})
        for _, future in self._waiting:
            if future is not None and not future.done():
                future.set_exception(NotWrittenError("the disk hangs"))

    def _watch_checkpoints(self) -> None:
        if self._overdue != (self.unsaved_bytes > MOST_UNSAVED_BYTES):
            self._overdue = not self._overdue
            says = "refused: checkpoints fail" if self._overdue else "taken again"
            log.warning("beacons are %s", says, extra={"unsaved_bytes": self.unsaved_bytes})

    def _append(self, entry: Entry, future: asyncio.Future[int] | None) -> None:
        self._waiting.append((entry.at, future))
        self.journal.append(entry)

    def _committed(self, commit: Commit) -> None:
        self._loop.call_soon_threadsafe(self._on_commit, commit)

    def _on_commit(self, commit: Commit) -> None:
        process = self.process
        process.count(telemetry.APPEND_SECONDS, (), commit.seconds)
        self._since_commit = 0
        if self.hanging:
            self.hanging = False
            log.warning("beacons are taken again: the disk goes on")
        if commit.error is not None:
            self._on_failure(commit)
            return
        if self.failing:
            self.failing = False
            log.warning("the journal writes again")
        process.count(telemetry.APPENDED_BYTES, (), float(commit.size))
        self.unsaved_bytes += commit.size
        futures = [self._waiting.popleft()[1] for _ in commit.entries]
        repeats = [self._apply(entry) for entry in commit.entries]
        self.applied = commit.first + len(commit.entries) - 1
        for future, found in zip(futures, repeats, strict=True):
            if future is not None and not future.done():
                future.set_result(found)

    def _on_failure(self, commit: Commit) -> None:
        self.process.count(telemetry.APPEND_ERRORS, ())
        if not self.failing:
            self.failing = True
            log.error("the journal cannot write", extra={"error": str(commit.error)})
        for entry in commit.entries:
            _, future = self._waiting.popleft()
            self._turned_away.add(entry.refusals, limited=entry.limited)
            self._turned_away.refused += entry.refused
            if future is not None and not future.done():
                future.set_exception(NotWrittenError(str(commit.error)))

    def _apply(self, entry: Entry) -> int:
        pipeline = self.pipeline
        try:
            repeats = pipeline.apply(entry)
            if pipeline.points or entry.forgotten or entry.plays:
                self._tell(entry)
        except Exception:
            # One entry that the code cannot digest must not stop the counting of all others,
            # now or at every start; what it is stays in the journal's log line and the counter.
            log.exception("an entry of the journal could not be counted")
            self.process.count(telemetry.APPLY_ERRORS, ())
            return 0
        return repeats

    def _tell(self, entry: Entry) -> None:
        """Write points as lines at once: thousands of them, kept, would hold up a checkpoint."""
        points = self.pipeline.points
        while points:
            self._lines.append(self._line(*points.popleft()))
        if entry.forgotten or entry.plays:
            self._lines = [without(line, entry.forgotten, entry.plays) for line in self._lines]

    async def checkpoint(self) -> None:
        """Save what changed since the last checkpoint; what fails is tried again as it is."""
        if self._unsaved is None:
            if self.applied == self._saved:
                return
            self._unsaved, self._saving_bytes = self._snapshot(), self.unsaved_bytes
        unsaved, size = self._unsaved, self._saving_bytes
        more = True
        while more:
            more = self.pipeline.sessions.lull(SLICE)
            await asyncio.sleep(0)
        await self.in_state_thread(self._save, unsaved)
        if self._unsaved is unsaved:
            self._unsaved = None
            self.unsaved_bytes -= size

    def _snapshot(self) -> Snapshot:
        """As of now; its sessions have still to be lulled."""
        pipeline = self.pipeline
        lines, self._lines = self._lines, []
        refusals = tuple(pipeline.refusals)
        pipeline.refusals.clear()
        return Snapshot(
            position=self.applied,
            now=pipeline.now,
            stamps=pipeline.stamps,
            generation=pipeline.dedup.generation,
            turned=pipeline.dedup.turned,
            counters=pipeline.store.changed(),
            sessions=pipeline.sessions.changing(),
            ids=pipeline.dedup.fresh(),
            refusals=refusals,
            values=pipeline.roster.fresh(),
            oldest_values=pipeline.roster.oldest,
            lines=lines,
        )

    def _save(self, snapshot: Snapshot) -> None:
        if snapshot.position <= self._saved:
            # Who asked before was cancelled, as a stop does, but the thread went on.
            return
        dropped = self._state.save(snapshot)
        self._saved = snapshot.position
        self.journal.prune(snapshot.position)
        self.backlog = self._state.backlog()
        if snapshot.refusals or self._state.changed_by_others():
            self.dead_letters = self._state.dead_letters()
        if dropped:
            log.error("the outbox is full; the oldest points are lost", extra={"points": dropped})
            labels = telemetry.BySink(telemetry.SinkName.INFLUX)
            self.process.count(telemetry.OUTBOX_DROPPED, labels, float(dropped))

    async def in_state_thread(self, work: Callable[..., T], *arguments: object) -> T:
        """Run ``work`` on the one thread that may touch the state file."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._state_thread, work, *arguments)

    async def close(self) -> None:
        """Write what is queued, count it, save it, and let go of the files."""
        if self._turned_away.any:
            self._append(self._turned_away.entry(self.clock.now(), ()), None)
        await asyncio.get_running_loop().run_in_executor(None, self.journal.close)
        # The last commits were handed to this loop; they come before this continues.
        await asyncio.sleep(0)
        try:
            while self.applied != self._saved:
                await self.checkpoint()
        except sqlite3.Error:
            log.exception("the last checkpoint failed; the next start counts it from the journal")
        finally:
            self._state_thread.shutdown()
            self._state.close()


class _TurnedAway:
    """What was not taken since the last entry: a few samples, and counts of everything else."""

    def __init__(self) -> None:
        self._samples: list[Refusal] = []
        self._kept = 0
        self._counts: dict[Rejection, int] = {}
        self._limited = 0
        self.refused = 0

    @property
    def wants_samples(self) -> bool:
        """Whether there is room for one more sample."""
        return self._kept < MOST_SAMPLES

    @property
    def any(self) -> bool:
        """Whether anything was turned away that is not yet written down."""
        return bool(self._samples or self._counts or self._limited or self.refused)

    def renew(self) -> None:
        """Make room for samples: once a second, so that bad beacons cannot cost all our time."""
        self._kept = 0

    def add(self, refusals: Iterable[Refusal], *, limited: int) -> None:
        self._limited += limited
        for refusal in refusals:
            if refusal.sample and self.wants_samples:
                self._samples.append(refusal)
                self._kept += 1
            else:
                self._counts[refusal.reason] = self._counts.get(refusal.reason, 0) + refusal.count

    def entry(self, now: float, events: tuple[Event, ...]) -> Entry:
        """An entry that carries all of it away."""
        if not self.any:
            return Entry(now, events)
        counted = (Refusal(reason, count=count) for reason, count in self._counts.items())
        entry = Entry(now, events, (*self._samples, *counted), self._limited, self.refused)
        self._samples, self._counts = [], {}
        self._limited = self.refused = 0
        return entry
