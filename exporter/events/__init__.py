"""The domains there are. This tuple is the only place where one is registered."""

from exporter.event import Domain
from exporter.events import generation, platform, playback, upload, web

DOMAINS: tuple[Domain, ...] = (
    upload.DOMAIN,
    generation.DOMAIN,
    playback.DOMAIN,
    web.DOMAIN,
    platform.DOMAIN,
)
