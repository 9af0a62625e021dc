"""Tasks that follow training."""
