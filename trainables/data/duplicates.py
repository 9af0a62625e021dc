"""Near-duplicates: the same radiograph saved twice, scaled, compressed or brightened.

Candidates have perceptual hashes within a Hamming radius (64 bits of a discrete cosine transform, as in pHash);
because chest radiographs resemble one another, a candidate counts only if the thumbnails correlate as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trainables.data.disjoint_sets import DisjointSets

RADIUS = 10
"""Largest Hamming distance of two hashes of 64 bits."""
CORRELATION = 0.985
"""Least correlation of two thumbnails. Among 977 chest radiographs no two reach 0.975, and 982 pairs are within the radius;
a copy saved at JPEG quality 40, at half the size, with another gamma or contrast, or cropped by 1 % lies above."""

_ROWS, _COLUMNS = 128, 1_024
_THUMBNAILS = 512


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
    sets = DisjointSets(len(thumbnails))
    rows = _join_equal(thumbnails, sets)
    for left, right in _within(perceptual_hashes(thumbnails, rows), radius):
        for start in range(0, len(left), _THUMBNAILS):
            a, b = rows[left[start : start + _THUMBNAILS]], rows[right[start : start + _THUMBNAILS]]
            alike = _correlations(thumbnails[a], thumbnails[b]) >= correlation
            for one, other in zip(a[alike].tolist(), b[alike].tolist(), strict=True):
                sets.join(one, other)
    return sets.roots()


def perceptual_hashes(thumbnails: NDArray[np.uint8], rows: NDArray[np.int64] | None = None) -> NDArray[np.uint64]:
    """Return the hashes of images, or of some rows: 64 low frequencies of the cosine transform against their median."""
    side = thumbnails.shape[1]
    chosen_rows = np.arange(len(thumbnails)) if rows is None else rows
    basis = np.cos(np.pi * np.arange(9)[:, None] * (2 * np.arange(side)[None] + 1) / (2 * side)).astype(np.float32)
    hashes = np.empty(len(chosen_rows), np.uint64)
    for start in range(0, len(chosen_rows), _THUMBNAILS):
        block = thumbnails[chosen_rows[start : start + _THUMBNAILS]].astype(np.float32)
        low = np.einsum("fi,nij,gj->nfg", basis, block, basis, optimize=True)
        # all of the 8 x 8 lowest but the mean, and one more to make 64
        chosen = np.concatenate([low[:, :8, :8].reshape(len(low), -1)[:, 1:], low[:, 8, :1]], axis=1)
        bits = chosen > np.median(chosen, axis=1, keepdims=True)
        hashes[start : start + _THUMBNAILS] = np.packbits(bits, axis=1).view(np.uint64)[:, 0]
    return hashes


def _join_equal(thumbnails: NDArray[np.uint8], sets: DisjointSets) -> NDArray[np.int64]:
    """Join equal thumbnails, which would otherwise make quadratically many pairs; return the first row of each."""
    digests = np.empty((len(thumbnails), 16), np.uint8)
    for row, thumbnail in enumerate(thumbnails):
        digests[row] = np.frombuffer(hashlib.blake2b(thumbnail.tobytes(), digest_size=16).digest(), np.uint8)
    _, first, inverse = np.unique(digests, axis=0, return_index=True, return_inverse=True)
    roots = first[inverse.reshape(-1)]
    for row in np.flatnonzero(roots != np.arange(len(roots))).tolist():
        sets.join(row, int(roots[row]))
    return np.sort(first)


def _within(hashes: NDArray[np.uint64], radius: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of rows whose hashes differ in at most `radius` bits, in blocks that stay in the cache."""
    for above in range(0, len(hashes), _ROWS):
        for start in range(above, len(hashes), _COLUMNS):
            distances = np.bitwise_count(hashes[above : above + _ROWS, None] ^ hashes[None, start : start + _COLUMNS])
            left, right = np.nonzero(distances <= radius)
            later = left + above < right + start
            yield left[later] + above, right[later] + start


def _correlations(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pearson correlation of each pair of thumbnails."""
    a, b = (images.reshape(len(images), -1).astype(np.float32) for images in (one, other))
    a -= a.mean(1, keepdims=True)
    b -= b.mean(1, keepdims=True)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray(np.einsum("ij,ij->i", a, b) / np.maximum(lengths, 1e-6), np.float32)
