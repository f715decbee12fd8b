"""Mux's webhooks: a direct upload that comes and goes, and the asset that is made of it.

Making a playable video out of a file is a generation, of the provider ``mux``. The recording of a
live stream is none: nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from exporter.event import Cleaner, Event, name_of
from exporter.events.generation import told as generation
from exporter.events.upload import told as upload
from exporter.formats.format import Sender, decode
from exporter.formats.webhooks import facts, signature

NAME: Final = "mux"


class _Error(msgspec.Struct, gc=False):
    type: Any = None
    message: Any = None
    messages: Any = None

    def text(self) -> str:
        """Its kind and its words."""
        messages = self.messages if isinstance(self.messages, list) else [self.message]
        return facts.text(
            " ".join(each for each in (self.type, *messages) if isinstance(each, str))
        )


class _Data(msgspec.Struct, gc=False):
    id: str
    created_at: Any = None
    live_stream_id: Any = None
    error: _Error | None = None
    errors: _Error | None = None


class _Webhook(msgspec.Struct, gc=False):
    id: str
    type: str
    created_at: datetime | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class Mux:
    """Reads what happens to uploads and assets."""

    def __init__(self, signed: signature.Mux, cleaner: Cleaner) -> None:
        self._signed = signed
        self._cleaner = cleaner
        self._decode = msgspec.json.Decoder(_Webhook).decode
        self._decode_data = msgspec.json.Decoder(_Data).decode

    def read(self, body: bytes, sender: Sender) -> tuple[Event, ...]:
        """What happened, if it is one of the things that we follow."""
        self._signed.verify(body, sender)
        webhook = decode(self._decode, body)
        webhook_id = name_of(webhook.id, self._cleaner)
        reader = READERS.get(webhook.type)
        if reader is None:
            return facts.no_news(NAME, webhook.type, webhook_id)
        data = decode(self._decode_data, bytes(webhook.data))
        if data.live_stream_id:
            return facts.no_news(NAME, webhook.type, webhook_id)
        who: Any = {"id": webhook_id, "at": facts.epoch(webhook.created_at)}
        events = reader(data, name_of(data.id, self._cleaner), who)
        return tuple(event.cleaned(self._cleaner) for event in events)


Reader = Callable[[_Data, str, Any], tuple[Event, ...]]


def _upload_created(data: _Data, name: str, who: Any) -> tuple[Event, ...]:
    """Somebody may upload; when the first byte comes, Mux does not tell."""
    return (upload.Started(upload_id=name, timed=False, **who),)


def _upload_completed(data: _Data, name: str, who: Any) -> tuple[Event, ...]:
    return (upload.Completed(upload_id=name, **who),)


def _upload_failed(data: _Data, name: str, who: Any) -> tuple[Event, ...]:
    return (upload.Failed(upload_id=name, error=(data.error or _Error()).text(), **who),)


def _upload_cancelled(data: _Data, name: str, who: Any) -> tuple[Event, ...]:
    return (upload.Cancelled(upload_id=name, **who),)


def _asset_created(data: _Data, name: str, who: Any) -> tuple[Event, ...]:
    return (_requested(data, name, who),)


def _asset_ready(data: _Data, name: str, who: Any) -> tuple[Event, ...]:
    ready = generation.Completed(generation_id=name, provider=NAME, **who)
    return (_requested(data, name, who), ready)


def _asset_failed(data: _Data, name: str, who: Any) -> tuple[Event, ...]:
    error = (data.errors or _Error()).text()
    failed = generation.Failed(generation_id=name, provider=NAME, error=error, **who)
    return (_requested(data, name, who), failed)


def _requested(data: _Data, name: str, who: Any) -> Event:
    """Every webhook says when its asset was created, in case that the first one was lost."""
    created = data.created_at
    if isinstance(created, str) and created.isascii() and created.isdigit() and len(created) <= 12:
        created = int(created)
    at = facts.within(created) if isinstance(created, int | float) else None
    at = None if at is None else float(at)
    return generation.Requested(id=name, generation_id=name, provider=NAME, at=at)


READERS: Final[dict[str, Reader]] = {
    "video.upload.created": _upload_created,
    "video.upload.asset_created": _upload_completed,
    "video.upload.errored": _upload_failed,
    "video.upload.cancelled": _upload_cancelled,
    "video.asset.created": _asset_created,
    "video.asset.ready": _asset_ready,
    "video.asset.errored": _asset_failed,
}
