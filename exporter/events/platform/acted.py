"""What people and programs do on the platform that no other domain counts, and what they think.

What an action is called is accepted and not kept: anybody may name actions, and no KPI reads it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from exporter.event import Cleaner, Event, Point, Text
from exporter.events.platform import metrics
from exporter.events.platform.classes import Part, Phase, Result
from exporter.metric import Observation

Rating = Annotated[int, Meta(ge=1, le=5)]


class Acted(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Somebody or something did something, and it worked or not."""

    phase: ClassVar[Phase]

    ok: bool
    action: Text | None = None

    def cleaned(self, cleaner: Cleaner) -> Acted:
        """Without what it is called."""
        return self if self.action is None else msgspec.structs.replace(self, action=None)

    def observe(self) -> list[Observation]:
        """One action."""
        return [metrics.ACTIONS(metrics.ActionLabels(self.phase, Result.of(self.ok)))]


class LoginTried(Acted, frozen=True, kw_only=True, gc=False, tag="auth.login_tried"):
    """Somebody tried to log in, which is an action of theirs as well."""

    phase = Phase.AUTH

    def observe(self) -> list[Observation]:
        """One action and one login."""
        return [*Acted.observe(self), metrics.LOGINS(metrics.ByResult(Result.of(self.ok)))]


class AuthActed(Acted, frozen=True, kw_only=True, gc=False, tag="auth.acted"):
    """Somebody signed up, logged out, asked for a new password: everything but a login."""

    phase = Phase.AUTH


class ContentActed(Acted, frozen=True, kw_only=True, gc=False, tag="content.acted"):
    """Somebody made, published, viewed, searched or removed something."""

    phase = Phase.CONTENT


class PwaActed(Acted, frozen=True, kw_only=True, gc=False, tag="pwa.acted"):
    """The installed app did something: updated itself, worked offline, took a push message."""

    phase = Phase.PWA


class SystemActed(Acted, frozen=True, kw_only=True, gc=False, tag="system.acted"):
    """A job, a backup, a deployment, a message in a queue."""

    phase = Phase.SYSTEM


class InstallOffered(Event, frozen=True, kw_only=True, gc=False, tag="pwa.install_offered"):
    """Somebody was offered to install the app."""

    def observe(self) -> list[Observation]:
        """One offer."""
        return [metrics.PWA_OFFERS()]


class Installed(Event, frozen=True, kw_only=True, gc=False, tag="pwa.installed"):
    """Somebody installed the app. Whether an installation failed, ``pwa.acted`` tells."""

    def observe(self) -> list[Observation]:
        """One installation."""
        return [metrics.PWA_INSTALLS()]


class Rated(Event, frozen=True, kw_only=True, gc=False, tag="feedback.rated"):
    """Somebody rated the platform or a part of it, other than one upload or one generation."""

    rating: Rating
    about: Part = Part.OTHER

    def observe(self) -> list[Observation]:
        """One rating."""
        return [metrics.RATING(metrics.About(self.about), float(self.rating))]

    def points(self) -> list[Point]:
        """One point for each rating."""
        return [Point("feedback", (("part", self.about),), (("rating", float(self.rating)),))]
