"""Which trials are worth trying."""
