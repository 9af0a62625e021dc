"""Artifacts by key, and the ledger of each sweep."""
