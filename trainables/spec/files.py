"""Names of a network's files; no torch here."""

WEIGHTS = "weights.safetensors"
OPTIMIZER = "optimizer.safetensors"
