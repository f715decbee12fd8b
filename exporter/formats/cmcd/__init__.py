"""CMCD (Common Media Client Data, CTA-5004 and CTA-5004-B), as real players send it."""
