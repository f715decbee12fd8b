"""Stories of uploads that somebody names, told by servers, by pages or by both.

What becomes of an upload is decided first (a ``Plan``); the fact follows from the plan and from who
told what, never from what anybody made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tests.truth.facts import ABANDONED, COMPLETED, FAILED, Facts, Span, Upload, exactly
from tests.truth.plans import HOUR, NOBODY, NOWHERE, Plan, Random, Teller
from tests.truth.sending import LATEST, Apart, Message, Step, Story, native
from tests.truth.tellers import Page, Server


class Uploads:
    """Stories of uploads that somebody names."""

    def __init__(self, seed: int, epoch: float) -> None:
        self._rng = Random(seed)
        self._epoch = epoch
        self._told = 0

    def stories(self) -> Iterator[Story]:
        """Thousands, of every kind."""
        both, server, page = Teller(server=True, page=True), Teller(server=True), Teller(page=True)
        kinds: tuple[tuple[int, Callable[[], Story]], ...] = (
            (1100, lambda: self._ordinary(both)),
            (450, lambda: self._ordinary(both, shuffled=True)),
            (450, lambda: self._ordinary(server)),
            (150, lambda: self._ordinary(server, shuffled=True)),
            (200, lambda: self._ordinary(server, at_once=True)),
            (450, lambda: self._ordinary(page)),
            (250, self._named_only),
            (40, self._live),
            (40, self._two_clocks),
            (60, self._no_clock),
            (40, self._absurd),
            (50, self._failed_first),
            (40, self._previewed_by_arrival),
            (80, self._late_completion),
            (60, self._late_words),
            (60, self._nameless),
            (40, self._end_only),
            (20, self._preview_of_nothing),
        )
        for count, story in kinds:
            for _ in range(count):
                yield story()

    def _plan(self, outcome: str | None = None) -> Plan:
        self._told += 1
        # Everybody sends from a network of their own.
        sender = f"10.{self._told // 256}.{self._told % 256}.7"
        return Plan(self._rng, f"truth-{self._told}", sender, outcome)

    def _parted(self, plan: Plan, events: list[dict[str, Any]], most: int = 4) -> list[Message]:
        """The events in order, in a few bodies."""
        count = self._rng.randrange(1, min(most, len(events)) + 1)
        cuts = sorted(self._rng.sample(range(1, len(events)), count - 1))
        ends = [*cuts, len(events)]
        return [
            native(plan.sender, *events[start:end])
            for start, end in zip([0, *cuts], ends, strict=True)
        ]

    def _ordinary(self, by: Teller, *, shuffled: bool = False, at_once: bool = False) -> Story:
        """An upload from its start to its end, told by its server, its page or both."""
        rng, plan = self._rng, self._plan()
        if not by.page and rng.likely(0.15):
            plan.agent, plan.place = NOBODY, NOWHERE
        messages: list[Message] = []
        if by.server:
            server = Server(rng, plan, self._epoch)
            events = server.everything()
            if rng.likely(0.1):
                events += server.again(rng.choice(events))
            if shuffled:
                rng.shuffle(events)
            messages += self._parted(plan, events, 1 if at_once else 4)
        hinted = by.page and rng.likely(0.8 if plan.outcome == ABANDONED else 0.05)
        if by.page:
            by = by._replace(named=rng.likely(0.4))
            messages += self._reports(plan, hinted=hinted, named=by.named)
        if shuffled:
            rng.shuffle(messages)
        return _story(plan, messages, by, hinted=hinted)

    def _reports(self, plan: Plan, *, hinted: bool, named: bool) -> Iterator[Message]:
        """What a page sends that has one tracker or both."""
        rng, page = self._rng, Page(self._rng, plan, self._epoch)
        yield from page.experiences(twice=rng.likely(0.4), hinted=hinted)
        if named:
            success = {COMPLETED: True, FAILED: False}.get(plan.outcome)
            yield page.performance(success)
            if rng.likely(0.1):
                yield page.performance(success, timestamp=0)

    def _named_only(self) -> Story:
        """Nothing but a performance report; one that tells no success is not heard of again."""
        plan = self._plan()
        success = {COMPLETED: True, FAILED: False}.get(plan.outcome)
        message = Page(self._rng, plan, self._epoch).performance(success)
        return _story(plan, [message], Teller(named=True))

    def _live(self) -> Story:
        """One that goes on for a while before it fails, or is heard of no more."""
        rng = self._rng
        plan = self._plan(rng.choice((FAILED, ABANDONED)))
        plan.chunks = (1, 1, 1)
        server = Server(rng, plan, self._epoch)
        steps: list[Step] = [native(plan.sender, server.started())]
        for index in range(3):
            steps += [4.0, native(plan.sender, server.chunk(index, 4.0 * index + 4.0, ok=True))]
        plan.ttfb = 4.0
        if plan.outcome == FAILED:
            plan.last_tries, plan.duration = 0, 12.0
            steps.append(native(plan.sender, *server.end()))
        return _story(plan, steps, Teller(server=True))

    def _two_clocks(self) -> Story:
        """Two servers, hours apart: only the arrival tells, and the times are counted as absurd."""
        rng, plan = self._rng, self._plan(COMPLETED)
        plan.chunks, plan.preview = (1,), None
        wrong = rng.choice((-1, 1)) * rng.uniform(HOUR, 12 * HOUR)
        here = Server(rng, plan, self._epoch)
        there = Server(rng, plan, self._epoch + wrong, name="other")
        other = rng.likely(0.5)
        first = native(plan.sender, here.started())
        chunk = native(plan.sender, (there if other else here).chunk(0, plan.ttfb, ok=True))
        last = native(plan.sender, *there.end())
        changes = {
            "duration": Apart(first, last),
            "ttfb": Apart(first, chunk) if other else exactly(plan.ttfb),
            "clamped": 1 + other,
        }
        return _story(plan, [first, 0.3, chunk, 0.3, last], Teller(server=True), changes)

    def _no_clock(self) -> Story:
        """A server that does not always say a time: what it leaves open, the arrival tells."""
        rng, plan = self._rng, self._plan(COMPLETED)
        plan.chunks, plan.preview = (1,), None
        server = Server(rng, plan, self._epoch)
        events = (server.started(), *server.chunks(), *server.end())
        unsaid = rng.choice(((0, 1, 2), (0,), (1,), (2,)))
        for place in unsaid:
            del events[place]["at"]
        first, chunk, last = (native(plan.sender, event) for event in events)
        changes: dict[str, Any] = {}
        if {0, 2} & set(unsaid):
            changes["duration"] = Apart(first, last)
        if {0, 1} & set(unsaid):
            changes["ttfb"] = Apart(first, chunk)
        return _story(plan, [first, 0.3, chunk, 0.3, last], Teller(server=True), changes)

    def _absurd(self) -> Story:
        """A page whose clock is set while it uploads, and a preview that took for days."""
        rng, plan = self._rng, self._plan(COMPLETED)
        plan.chunks, plan.preview = (), None
        page, server = Page(rng, plan, self._epoch), Server(rng, plan, self._epoch)
        wrong = rng.choice((-HOUR, 30 * HOUR))
        end = page.did("complete", plan.duration + wrong, {"success": True})
        did = [page.did("start", 0.0, {}), end]
        shown = server.event("preview_shown", 1.0, after_seconds=rng.uniform(25, 99) * HOUR)
        if plan.rating is not None:
            did.append(page.did("feedback", 1.0, {"rating": plan.rating}))
        messages = [
            page.experience(did),
            page.experience([*did, page.did("page_unload", 2.0, {})]),
            native(plan.sender, shown),
        ]
        # The same absurd time in both reports is one time.
        return _story(plan, messages, Teller(page=True), {"duration": None, "clamped": 2})

    def _failed_first(self) -> Story:
        """The server gave up too early: a completion beats a failure."""
        rng, plan = self._rng, self._plan(COMPLETED)
        server = Server(rng, plan, self._epoch)
        events = [server.started(), *server.chunks()]
        events.append(server.event("failed", plan.duration / 2, error=plan.error or ""))
        messages = [
            *self._parted(plan, events),
            native(plan.sender, *server.end(), *server.shown()),
        ]
        errors = frozenset({plan.error_type})
        return _story(plan, messages, Teller(server=True), {"errors": errors})

    def _previewed_by_arrival(self) -> Story:
        """The page tells the end and a server the preview: two clocks, so the arrival counts."""
        rng, plan = self._rng, self._plan(COMPLETED)
        plan.preview = None
        (end,) = Page(rng, plan, self._epoch).experiences(twice=False, hinted=False)
        server = Server(rng, plan, self._epoch)
        shown = native(plan.sender, server.event("preview_shown", plan.duration + 1))
        changes = {"preview": Apart(end, shown)}
        return _story(plan, [end, 0.2, shown], Teller(page=True), changes)

    def _late_completion(self) -> Story:
        """Given up, or failed, and then it completes after all, as several sides tell."""
        rng = self._rng
        plan = self._plan(rng.choice((ABANDONED, ABANDONED, FAILED)))
        by = Teller(server=True)
        server, page = Server(rng, plan, self._epoch), Page(rng, plan, self._epoch)
        messages = self._parted(plan, server.everything())
        done = page.did("complete", 1.0, {"success": True})
        completions = [
            native(plan.sender, server.event("completed", 3000.0)),
            page.experience([page.did("start", 0.0, {}), done]),
            page.performance(True),
        ]
        later = rng.sample(completions, rng.randrange(1, 4))
        changes: dict[str, Any] = {"recovered_late": True}
        if completions[2] in later:
            # What it measures had not been known; the upload stays what it was counted as.
            changes["utilisation"] = plan.utilisation
        if rng.likely(0.5):
            seconds = rng.spread(1.4, 0.8, 14.0)
            shown = server.event("preview_shown", 3001.0, after_seconds=seconds)
            later.append(native(plan.sender, shown))
            changes["preview"] = exactly(seconds)
        story = _story(plan, messages, by, changes)
        story.later = [*later]
        return story

    def _late_words(self) -> Story:
        """What is told of an upload that is over: a report, a rating, a preview."""
        rng, plan = self._rng, self._plan(COMPLETED)
        plan.preview, plan.rating = None, rng.randrange(1, 6)
        server, page = Server(rng, plan, self._epoch), Page(rng, plan, self._epoch)
        messages = self._parted(plan, [server.started(), *server.chunks(), *server.end()])
        seconds = rng.spread(1.4, 0.8, 14.0)
        rated = page.did("feedback", 3.0, {"rating": plan.rating})
        story = _story(
            plan,
            messages,
            Teller(server=True, named=True),
            {"preview": exactly(seconds), "rating": plan.rating},
        )
        shown = server.event("preview_shown", plan.duration + seconds, after_seconds=seconds)
        story.later = [
            page.performance(True),
            page.experience([rated]),
            page.experience([rated, page.did("page_unload", 9.0, None)]),
            native(plan.sender, shown),
        ]
        return story

    def _nameless(self) -> Story:
        """Events without ids, each body sent twice: they are taken again, and mean nothing new."""
        rng, plan = self._rng, self._plan()
        events = Server(rng, plan, self._epoch).everything()
        for event in events:
            del event["id"]
        bodies = [(message, replace(message)) for message in self._parted(plan, events)]
        return _story(plan, [each for both in bodies for each in both], Teller(server=True))

    def _end_only(self) -> Story:
        """Nothing is told but the end, by nobody known."""
        plan = self._plan(self._rng.choice((COMPLETED, FAILED)))
        plan.agent, plan.place, plan.last_tries = NOBODY, NOWHERE, 0
        message = native(plan.sender, *Server(self._rng, plan, self._epoch).end())
        errors = frozenset({plan.error_type} if plan.outcome == FAILED else ())
        return _story(plan, [message], Teller(), {"duration": None, "errors": errors})

    def _preview_of_nothing(self) -> Story:
        """A preview alone is no upload."""
        plan = self._plan(COMPLETED)
        server = Server(self._rng, plan, self._epoch)
        return Story([native(plan.sender, server.event("preview_shown", 1.0, after_seconds=1.0))])


def _story(
    plan: Plan,
    steps: Sequence[Step],
    by: Teller,
    changes: Mapping[str, Any] = {},
    *,
    hinted: bool = False,
) -> Story:
    """The story of an upload; its fact is what its tellers know of the plan, and the changes."""
    traits = plan.traits(by)

    def tell(facts: Facts) -> None:
        known: dict[str, Any] = {
            name: value.span if isinstance(value, Apart) else value
            for name, value in {**traits, "hinted": hinted, **changes}.items()
        }
        messages = [step for step in steps if isinstance(step, Message)]
        # From the first sign to the last; but an upload is at least as old as its transfer took.
        heard = Apart(messages[0], messages[-1]).span
        late = heard.high - sum(step for step in steps if isinstance(step, float))
        assert late < LATEST, f"this machine was too slow: a story was told {late:.1f} s late"
        told = known.get("duration") or exactly(0)
        age = Span(max(heard.low, told.low), max(heard.high, told.high))
        facts.uploads.append(Upload(age=age, **known))

    return Story(list(steps), tell)
