"""Data sets: loading, splitting, decoding."""
