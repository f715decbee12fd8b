"""What people do with the product around the videos: premium, payments, features, being there.

Whoever an event names becomes a keyed hash before anything is written down, and that hash only
ever goes into a sketch that counts how many different people there were.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from exporter.event import Cleaner, Event, Name, Point, Text
from exporter.events.generation import metrics
from exporter.events.generation.classes import Deal
from exporter.metric import Currency, Observation

Person = Annotated[str, Meta(min_length=1, max_length=256)]
Amount = Annotated[float, Meta(ge=-1e9, le=1e9)]


class Personal(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Something that somebody did, who may be named."""

    person: Person | None = None

    def cleaned(self, cleaner: Cleaner) -> Personal:
        """With a keyed hash of the person."""
        return msgspec.structs.replace(self, person=cleaner.who(self.person))


class Active(Event, frozen=True, kw_only=True, gc=False, tag="person.active"):
    """Somebody was there; once a day for each person is enough."""

    person: Person | None

    def cleaned(self, cleaner: Cleaner) -> Active:
        """With a keyed hash of the person, without which it means nothing."""
        return msgspec.structs.replace(self, person=cleaner.who(self.person))


class Offered(Personal, frozen=True, kw_only=True, gc=False, tag="premium.offered"):
    """A premium offer was shown."""

    def observe(self) -> list[Observation]:
        """One offer."""
        return [metrics.PREMIUM_OFFERS()]

    def points(self) -> list[Point]:
        """One deal."""
        return [_point(Deal.PREMIUM_OFFERED)]


class Purchased(Personal, frozen=True, kw_only=True, gc=False, tag="premium.purchased"):
    """A premium offer was bought."""

    def observe(self) -> list[Observation]:
        """One purchase."""
        return [metrics.PREMIUM_PURCHASES()]

    def points(self) -> list[Point]:
        """One deal."""
        return [_point(Deal.PREMIUM_PURCHASED)]


class FeatureAdopted(Personal, frozen=True, kw_only=True, gc=False, tag="feature.adopted"):
    """Somebody used a feature for the first time; the sender knows that it was."""

    feature: Name

    def cleaned(self, cleaner: Cleaner) -> FeatureAdopted:
        """With a keyed hash of the person, by whom and the feature a repetition is recognised."""
        who = cleaner.who(self.person)
        if who is None:
            return msgspec.structs.replace(self, person=None)
        once = cleaner.person(f"{self.feature}\0{self.person}")
        return msgspec.structs.replace(self, id=once, person=who)

    def observe(self) -> list[Observation]:
        """One adoption."""
        return [metrics.FEATURES_ADOPTED()]

    def points(self) -> list[Point]:
        """One deal, with the feature as a field: anybody may name features."""
        return [_point(Deal.FEATURE_ADOPTED, feature=self.feature)]


class Received(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="revenue.received"
):
    """Money came in, or went back: a negative amount is a refund.

    Revenue is a counter, so a refund is not taken off it; it is a point, with which InfluxDB
    can tell the net. ``payment_id`` makes a payment recognisable, and is not kept.
    """

    amount: Amount
    currency: Text
    payment_id: Text | None = None

    def cleaned(self, cleaner: Cleaner) -> Received:
        """With a listed currency, and the payment's hash as its id."""
        payment = self.payment_id if self.amount >= 0 else None
        return msgspec.structs.replace(
            self,
            id=cleaner.person(payment) if payment else self.id,
            currency=str(cleaner.listed(Currency, self.currency)),
            payment_id=None,
        )

    @property
    def listed(self) -> bool:
        """Whether amounts in its currency are added up."""
        return self.currency != "other"

    def observe(self) -> list[Observation]:
        """One payment, unless it is a refund."""
        if self.amount < 0:
            return []
        if not self.listed:
            return [metrics.UNPRICED()]
        labels = metrics.InCurrency(Currency(self.currency))
        return [metrics.REVENUE(labels, self.amount), metrics.PAYMENTS(labels)]

    def points(self) -> list[Point]:
        """One deal; of an unlisted currency without its amount."""
        kind = Deal.REFUND if self.amount < 0 else Deal.REVENUE
        if not self.listed:
            return [_point(kind, currency=self.currency)]
        return [_point(kind, currency=self.currency, amount=self.amount)]


def _point(kind: Deal, *, currency: str = "none", **fields: float | str) -> Point:
    tags = (("currency", currency), ("kind", kind))
    return Point("business_event", tags, (("count", 1.0), *fields.items()))
