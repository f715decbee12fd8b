"""What is told of the domains beside uploads, and what every KPI of theirs must then say.

Like everything in :mod:`tests.truth` written from the contract and the documentation alone.
"""
