"""CMCD (Common Media Client Data, CTA-5004 and CTA-5004-B), as real players send it.

``structured`` dictionaries, by the letter of the RFC · ``keys`` their types · ``record`` a report
that is typed · ``reader`` where reports are found, and what makes one recognisable · ``repairs``
and ``translate`` what it says of a play.
"""

from exporter.formats.cmcd.reader import Cmcd, Knobs

__all__ = ["Cmcd", "Knobs"]
