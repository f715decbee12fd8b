"""PeerTube: what a player has counted since its last report, at the path that its API has for it.

A report names its video and no session, is sent once and never again, and nobody reads the answer.
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from exporter.events.playback.tally import Tallied
from exporter.formats.format import Answers, Format, Parsed, Sender, decode


class Body(msgspec.Struct, gc=False):
    """A report; the rest (video, resolution, frames, peers, mode) is of no single play."""

    errors: float | None
    resolution_changes: float | None = msgspec.field(name="resolutionChanges")
    downloaded_http: float | None = msgspec.field(name="downloadedBytesHTTP")
    downloaded_p2p: float | None = msgspec.field(name="downloadedBytesP2P")
    uploaded_p2p: float | None = msgspec.field(name="uploadedBytesP2P")
    buffer_stalled: float | None = msgspec.field(default=None, name="bufferStalled")
    """Older players do not say it."""


class PeerTube(Format):
    """Reads ``/api/v1/metrics/playback``."""

    paths = ("/api/v1/metrics/playback",)
    answers = Answers(HTTPStatus.NO_CONTENT, b"")

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(Body).decode

    def parse(self, body: bytes, sender: Sender) -> Parsed:
        """One report is one event; without an id, because the same numbers may come again."""
        said = decode(self._decode, body)
        return Parsed(
            (
                Tallied(
                    errors=said.errors,
                    stalls=said.buffer_stalled,
                    quality_changes=said.resolution_changes,
                    http_bytes=said.downloaded_http,
                    p2p_bytes=said.downloaded_p2p,
                    p2p_sent_bytes=said.uploaded_p2p,
                ),
            )
        )
