"""Replicate's webhooks: a prediction as it is now, with everything that happened to it so far.

Each webhook tells the whole story again, so whichever of them arrive tell when it was asked for,
when it began and how it ended. The ids are those of the prediction: what one webhook told before,
another does not tell again. Prompts and results are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from exporter.event import Cleaner, Event, name_of
from exporter.events.generation import told
from exporter.formats.format import Sender, decode
from exporter.formats.webhooks import facts, signature

NAME: Final = "replicate"
UNDER_WAY: Final = frozenset({"starting", "processing"})
ENDS: Final = frozenset({"succeeded", "failed", "aborted", "canceled"})


class _Metrics(msgspec.Struct, gc=False):
    predict_time: float | None = None
    total_time: float | None = None


class _Prediction(msgspec.Struct, gc=False):
    id: str
    status: str
    model: Any = None
    error: Any = None
    metrics: _Metrics | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None


class Replicate:
    """Reads predictions."""

    def __init__(self, signed: signature.Standard, cleaner: Cleaner) -> None:
        self._signed = signed
        self._cleaner = cleaner
        self._decode = msgspec.json.Decoder(_Prediction).decode

    def read(self, body: bytes, sender: Sender) -> tuple[Event, ...]:
        """What is known of the prediction by now."""
        webhook_id = name_of(self._signed.verify(body, sender), self._cleaner)
        prediction = decode(self._decode, body)
        if prediction.status not in UNDER_WAY | ENDS:
            return facts.no_news(NAME, prediction.status, webhook_id)
        name = name_of(prediction.id, self._cleaner)
        return tuple(each.cleaned(self._cleaner) for each in _told(prediction, name, webhook_id))


def _told(prediction: _Prediction, name: str, webhook_id: str) -> Iterator[Event]:
    who: Any = {
        "id": name,
        "generation_id": name,
        "provider": NAME,
        "model": facts.model(prediction.model),
    }
    yield told.Requested(at=facts.epoch(prediction.created_at), **who)
    started = facts.epoch(prediction.started_at)
    if started is not None:
        yield told.Started(at=started, **who)
    ended = facts.epoch(prediction.completed_at)
    match prediction.status:
        case "processing":
            yield told.Progressed(**who | {"id": webhook_id})
        case "succeeded":
            metrics = prediction.metrics or _Metrics()
            yield told.Completed(
                at=ended,
                duration_seconds=metrics.total_time,
                run_seconds=metrics.predict_time,
                **who,
            )
        case "failed" | "aborted":
            yield told.Failed(at=ended, error=facts.text(prediction.error), **who)
        case "canceled":
            yield told.Cancelled(at=ended, **who)
