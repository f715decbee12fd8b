"""The life of one request of a page that several events tell of: the worst of them counts."""

from __future__ import annotations

from typing import Final

from exporter.event import Moment, State, Step
from exporter.events.web import told
from exporter.events.web.classes import RequestResult
from exporter.events.web.concluded import RequestEnded

REMEMBERED: Final = 600.0
"""Seconds for which a request that is counted is known, so that it is not counted again."""

WORST: Final = (RequestResult.FAILED, RequestResult.SLOW, RequestResult.OK)


class Request(State, gc=False, kw_only=True, omit_defaults=True):
    """What is remembered of one request."""

    result: RequestResult
    page: str = "other"
    counted: bool = False


class RequestLifecycle:
    """The lifecycle of a request; its subject is the keyed hash of its id."""

    name: Final = "web_request"
    state: Final = Request
    silence: Final = REMEMBERED
    about: Final = (told.ResourceLoaded, told.RequestMade, told.ErrorMet)

    def subject(self, event: told.Requesting) -> str | None:
        """The request, where it has a name."""
        return None if event.came_out is None else event.request_id

    def is_open(self, state: Request) -> bool:
        """Until it is counted."""
        return not state.counted

    def saw(self, state: Request | None, event: told.Requesting, moment: Moment) -> Step:
        """One more who tells of it."""
        result = event.came_out
        if result is None:
            raise AssertionError("subject() lets no other event through")
        if state is None:
            state = Request(due=moment.now + moment.patience.settle, result=result)
        state.result = min(state.result, result, key=WORST.index)
        if state.page == "other":
            state.page = event.page
        return Step(state)

    def silent(self, state: Request, moment: Moment) -> Step:
        """Everybody has told, or it is old enough to be forgotten."""
        if state.counted:
            return Step(None)
        state.counted, state.due = True, moment.now + REMEMBERED
        return Step(state, (RequestEnded(page=state.page, result=state.result),))
