"""Benchmarks: both sides in one run, on the same core, as ratios with their spread."""
