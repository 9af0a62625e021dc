"""Near-duplicates: the same radiograph saved twice, scaled, compressed or brightened.

Candidates have perceptual hashes within a Hamming radius (64 bits of a discrete cosine transform, as in pHash);
because chest radiographs resemble one another, a candidate counts only if the thumbnails correlate as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trainables.data.disjoint_sets import DisjointSets

RADIUS = 10
"""Largest Hamming distance of two hashes of 64 bits."""
CORRELATION = 0.985
"""Least correlation of two thumbnails. Among 977 chest radiographs no two reach 0.975, and 982 pairs are within the radius;
a copy saved at JPEG quality 40, at half the size, with another gamma or contrast, or cropped by 1 % lies above."""

_ROWS = 128
_PAIRS = 16_384


def near_duplicates(
    thumbnails: NDArray[np.uint8], *, radius: int = RADIUS, correlation: float = CORRELATION
) -> NDArray[np.int64]:
    """Join images that are near-duplicates, also over a chain of others.

    Args:
        thumbnails: [images, side, side], grey values of whole images.
        radius: largest Hamming distance of the hashes.
        correlation: least correlation of the thumbnails.

    Returns:
        [images], the row of the first image of each one's cluster; its own row for an image without a double.
    """
    _, first, same = np.unique(thumbnails.reshape(len(thumbnails), -1), axis=0, return_index=True, return_inverse=True)
    hashes, unit = perceptual_hashes(thumbnails[first]), _unit_vectors(thumbnails[first])
    sets = DisjointSets(len(first))
    for left, right in _within(hashes, radius):
        for start in range(0, len(left), _PAIRS):
            a, b = left[start : start + _PAIRS], right[start : start + _PAIRS]
            alike = np.einsum("ij,ij->i", unit[a], unit[b]) >= correlation
            for one, other in zip(a[alike].tolist(), b[alike].tolist(), strict=True):
                sets.join(one, other)
    clusters = sets.roots()[same.ravel()]
    _, earliest, numbers = np.unique(clusters, return_index=True, return_inverse=True)
    return earliest[numbers].astype(np.int64)


def perceptual_hashes(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return [images] hashes: the signs of 64 low frequencies of the cosine transform against their median."""
    side = thumbnails.shape[1]
    frequencies = np.arange(9)[:, None]
    basis = np.cos(np.pi * frequencies * (2 * np.arange(side)[None] + 1) / (2 * side)).astype(np.float32)
    low = np.einsum("fi,nij,gj->nfg", basis, thumbnails.astype(np.float32), basis, optimize=True)
    # all of the 8 x 8 lowest but the mean, and one more to make 64
    chosen = np.concatenate([low[:, :8, :8].reshape(len(low), -1)[:, 1:], low[:, 8, :1]], axis=1)
    bits = chosen > np.median(chosen, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def _within(hashes: NDArray[np.uint64], radius: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of rows whose hashes differ in at most `radius` bits, block by block."""
    for start in range(0, len(hashes), _ROWS):
        distances = np.bitwise_count(hashes[start : start + _ROWS, None] ^ hashes[None, start:])
        left, right = np.nonzero(distances <= radius)
        later = left < right
        yield left[later] + start, right[later] + start


def _unit_vectors(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return flat
