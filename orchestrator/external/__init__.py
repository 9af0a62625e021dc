"""A sweep's networks on images that it has never seen: external validation, and predictions for a user's own images."""
