"""The hooks of tusd: what a tus server tells of the uploads that it takes.

tusd posts each hook by itself: version 2 with its type in the body, version 1 with the type in a
header and the rest of the body as it is in version 2. An answer that tusd does not like fails the
hook, and a hook before something (``pre-create``) then fails somebody's upload: so whatever comes,
whatever is wrong with it or with us, the answer is the one that lets everything go on.

Hooks come in any order and more than once, and carry no clock. They do carry file names, whatever
else a page says of a file, and every header of its request; of all that, only the class of the
client is used, and nothing of a refused hook is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec

from exporter.event import Bytes, Cleaner, Event, is_name
from exporter.events.upload import told
from exporter.formats.format import Answers, Format, Parsed, RefusedError, Sender, decode
from exporter.telemetry import Rejection

PATH: Final = "/hooks/tusd"


class Knobs(NamedTuple):
    """What a team may say about its tusd."""

    country_header: str = ""
    """Header in which what stands before tusd names the client's country (ISO 3166-1)."""


class _Upload(msgspec.Struct, rename="pascal", gc=False):
    id: str = msgspec.field(name="ID", default="")
    size: Bytes = 0
    size_is_deferred: bool = False
    offset: Bytes = 0
    is_partial: bool = False
    is_final: bool = False


class _Request(msgspec.Struct, rename="pascal", gc=False):
    header: dict[str, list[str]] | None = None

    def first(self, name: str) -> str | None:
        """The first value of a header, by the name that Go gives it."""
        values = (self.header or {}).get(name)
        return values[0] if values else None


class _Event(msgspec.Struct, rename="pascal", gc=False):
    upload: _Upload | None = None
    request: _Request | None = msgspec.field(name="HTTPRequest", default=None)


class _Hook(_Event, rename="pascal", gc=False):
    """Version 2 has a type and an event, version 1 is the event."""

    type: str | None = None
    event: _Event | None = None


class Tusd(Format):
    """Reads ``/hooks/tusd``."""

    paths = (PATH,)
    headers = ("Hook-Name",)
    answers = Answers(HTTPStatus.OK, b"{}", patient=False, always=True)
    private = True

    def __init__(self, cleaner: Cleaner, knobs: Knobs) -> None:
        self._cleaner = cleaner
        self._country_header = canonical(knobs.country_header)
        self._decode = msgspec.json.Decoder(_Hook).decode
        self._readers = {
            "pre-create": _nothing,
            "pre-finish": _nothing,
            "pre-terminate": _nothing,
            "post-create": self._created,
            "post-receive": _received,
            "post-finish": _finished,
            "post-terminate": _terminated,
        }

    def parse(self, body: bytes, sender: Sender) -> Parsed:
        """What one hook says of one upload; nothing, if it is asked or tells of a part of one."""
        hook = decode(self._decode, body)
        kind = hook.type or sender.headers.get("Hook-Name")
        if kind is None:
            raise RefusedError(Rejection.INCOMPLETE)
        reader = self._readers.get(kind)
        if reader is None:
            raise RefusedError(Rejection.UNKNOWN_TYPE)
        event = hook.event or hook
        if event.upload is None:
            raise RefusedError(Rejection.INCOMPLETE)
        if reader is _nothing or event.upload.is_partial:
            return Parsed(())
        if not event.upload.id:
            raise RefusedError(Rejection.INCOMPLETE)
        upload_id = self._upload_id(event.upload.id)
        return Parsed(tuple(reader(upload_id, event.upload, event.request or _NO_REQUEST)))

    def _upload_id(self, given: str) -> str:
        """What a page can read off the upload's address as well.

        Behind a plus comes what the storage calls it. A team may have made the id of a path or of
        an address of somebody, and such a one becomes a hash.
        """
        own = given.partition("+")[0]
        return own if is_name(own) else self._cleaner.person(given)

    def _created(self, upload_id: str, upload: _Upload, request: _Request) -> Sequence[Event]:
        """An attempt. A final upload is put together from parts that nobody linked to it before."""
        started = told.Started(
            id=upload_id,
            upload_id=upload_id,
            file_size_bytes=_size(upload),
            user_agent=request.first("User-Agent"),
            country=request.first(self._country_header) if self._country_header else None,
            timed=not upload.is_final,
        )
        return (started.cleaned(self._cleaner),)


_NO_REQUEST: Final = _Request()


def _nothing(upload_id: str, upload: _Upload, request: _Request) -> Sequence[Event]:
    """We are asked before something happens, and have no objection."""
    return ()


def _received(upload_id: str, upload: _Upload, request: _Request) -> Sequence[Event]:
    """So many bytes. It has no id: told again it says nothing new, and there are many of them."""
    began = request.first("Upload-Offset") or ""
    from_bytes = int(began) if began.isascii() and began.isdigit() and len(began) <= 16 else 0
    received = upload.offset
    return (
        told.Progressed(
            upload_id=upload_id,
            received_bytes=received,
            from_bytes=from_bytes if from_bytes <= received else 0,
        ),
    )


def _finished(upload_id: str, upload: _Upload, request: _Request) -> Sequence[Event]:
    return (told.Completed(id=upload_id, upload_id=upload_id, file_size_bytes=_size(upload)),)


def _terminated(upload_id: str, upload: _Upload, request: _Request) -> Sequence[Event]:
    """Given up, unless every byte had come: then it is only the file that goes away."""
    if _size(upload) == upload.offset:
        return ()
    return (told.Cancelled(id=upload_id, upload_id=upload_id),)


def _size(upload: _Upload) -> int | None:
    return None if upload.size_is_deferred else upload.size


def canonical(header: str) -> str:
    """A header's name as Go writes it."""
    return "-".join(part.capitalize() for part in header.split("-"))
