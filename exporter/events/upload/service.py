"""The API that takes uploads and the storage that keeps them, as servers tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from exporter.event import Bytes, Cleaner, Event, Name, Seconds, Text
from exporter.events.upload import metrics
from exporter.events.upload.classes import ErrorType, Operation, Result
from exporter.metric import Observation, Route

Status = Annotated[int, Meta(ge=0, le=599)]


class Called(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="api.called"):
    """The API answered a call, or did not: a status of 0 is no answer at all.

    ``route`` is the path or its template; it becomes one of the configured templates.
    """

    route: Annotated[str, Meta(max_length=2048)]
    status: Status
    duration_seconds: Seconds | None = None
    request_id: Name | None = None
    method: Annotated[str, Meta(max_length=16)] | None = None
    bytes: Bytes | None = None

    facts: ClassVar[bool] = True

    @property
    def failed(self) -> bool:
        """Whether it counts against ``api_error_ratio``."""
        return self.status >= 500 or self.status == 0

    def cleaned(self, cleaner: Cleaner) -> Called:
        """With a template instead of the path."""
        # The journal's encoder knows str, not its subclasses.
        return msgspec.structs.replace(self, route=str(cleaner.route(self.route)), method=None)

    def observe(self) -> Iterable[Observation]:
        """A call; where an ``api.failed`` told of the same request, still one call, one error."""
        route = Route(self.route)
        result = Result.FAILED if self.failed else Result.OK
        yield metrics.API_CALLS(metrics.CallLabels(route, result), once=_once("call", self))
        if self.failed:
            error_type = ErrorType.of(None, self.status) if self.status else ErrorType.NETWORK
            labels = metrics.CallErrorLabels(route, error_type)
            yield metrics.API_ERRORS(labels, once=_once("call-error", self))
        if self.duration_seconds is not None:
            took = metrics.OnRoute(route)
            yield metrics.API_DURATION(took, self.duration_seconds, once=_once("call-time", self))


class CallFailed(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="api.failed"):
    """A call of the API failed; ``error`` becomes its class and its fingerprint."""

    error: Text = ""
    route: Annotated[str, Meta(max_length=2048)] = "other"
    request_id: Name | None = None
    error_type: ErrorType | None = None
    facts: ClassVar[bool] = True

    def cleaned(self, cleaner: Cleaner) -> CallFailed:
        """With a template instead of the path, and a fingerprint instead of the text."""
        return msgspec.structs.replace(
            self,
            error=cleaner.fingerprint(self.error),
            error_type=self.error_type or ErrorType.of(self.error),
            route=str(cleaner.route(self.route)),
        )

    def observe(self) -> Iterable[Observation]:
        """One call and one error, unless an ``api.called`` told of the same request."""
        route = Route(self.route)
        labels = metrics.CallLabels(route, Result.FAILED)
        yield metrics.API_CALLS(labels, once=_once("call", self))
        error_labels = metrics.CallErrorLabels(route, self.error_type or ErrorType.OTHER)
        yield metrics.API_ERRORS(error_labels, once=_once("call-error", self))


def _once(fact: str, event: Called | CallFailed) -> str | None:
    return None if event.request_id is None else f"{fact}:{event.request_id}"


class Operated(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="storage.operated"
):
    """The storage did what it was asked, or not; the operation ``check`` is a health check."""

    operation: Operation
    ok: bool
    duration_seconds: Seconds | None = None
    bytes: Bytes | None = None

    def observe(self) -> Iterable[Observation]:
        """One operation and how long it took."""
        result = Result.OK if self.ok else Result.FAILED
        yield metrics.STORAGE_OPERATIONS(metrics.OperationLabels(self.operation, result))
        if self.duration_seconds is not None:
            labels = metrics.OfOperation(self.operation)
            yield metrics.STORAGE_DURATION(labels, self.duration_seconds)
