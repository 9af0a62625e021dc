"""Calibrators: one file a method, each a function from log odds (or logits) and truth to a fitted map."""
