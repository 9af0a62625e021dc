"""Data sets: loading, splitting, decoding, and synthetic radiographs."""
