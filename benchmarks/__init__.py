"""Measurements against limits and peers, as ratios from interleaved repetitions."""
