"""What labels of 1, 0, uncertain and blank become as targets."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.listing import BLANK, UNCERTAIN, UNKNOWN, Listing
from trainables.spec import Chexpert, FileSpec, ImageTable, UncertainPolicy


def targets_of(listing: Listing, spec: FileSpec, splits: NDArray[np.str_]) -> NDArray[Any]:
    """Targets as a network learns and is judged by them.

    The policy for uncertain labels holds in the training split; elsewhere they are left out, so that trials under different
    policies are judged by the same truth.

    Args:
        listing: the images that are used.
        spec: names the policies, where labels can be uncertain.
        splits: [images], the split of each.

    Returns:
        [images] int64 class numbers; or [images, labels] float32 probabilities, NaN where a label is left out of the loss
        and the metrics.
    """
    if not listing.multilabel:
        return listing.targets.astype(np.int64)
    raw = listing.targets
    targets: NDArray[np.float32] = raw.astype(np.float32)
    blank_as_zero = not isinstance(spec, Chexpert | ImageTable) or spec.blank == "zeros"
    targets[raw == BLANK] = 0.0 if blank_as_zero else np.nan
    targets[(raw == UNCERTAIN) | (raw == UNKNOWN)] = np.nan
    if isinstance(spec, Chexpert | ImageTable):
        low, high = (spec.smoothed_low, spec.smoothed_high) if isinstance(spec, Chexpert) else (0.55, 0.85)
        for label, policy in enumerate(spec.policies()):
            rows = np.flatnonzero((raw[:, label] == UNCERTAIN) & (splits == "train"))
            targets[rows, label] = _filled(listing, rows, label, policy, low, high, spec.seed)
    return targets


def _filled(
    listing: Listing, rows: NDArray[np.int64], label: int, policy: UncertainPolicy, low: float, high: float, seed: int
) -> NDArray[np.float32]:
    """Targets of uncertain entries; `smoothed` draws one a label and image, by a hash that knows the seed."""
    if policy == "smoothed":
        drawn = [_uniform(f"{seed}/{listing.classes[label]}/{listing.image_ids[row]}") for row in rows]
        return (low + (high - low) * np.array(drawn, np.float64)).astype(np.float32)
    return np.full(len(rows), {"zeros": 0.0, "ones": 1.0, "ignore": np.nan}[policy], np.float32)


def _uniform(name: str) -> float:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:7]) / 2**56
