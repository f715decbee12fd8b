"""The domains there are. This tuple is the only place where one is registered."""

from exporter.event import Domain
from exporter.events import upload

DOMAINS: tuple[Domain, ...] = (upload.DOMAIN,)
