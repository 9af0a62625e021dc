"""What several networks are to whoever perturbs an image: one that gives probabilities."""

from __future__ import annotations

from torch import Tensor, nn


class Pooled(nn.Module):
    """Several networks as one; see `trainables.posthoc.map_members`."""

    def log_probs(self, images: Tensor) -> Tensor:
        """Logarithm of the mean probability, [images, classes]."""
        raise NotImplementedError
