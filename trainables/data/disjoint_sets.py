"""Sets that grow together: which images belong to one patient or one cluster of near-duplicates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class DisjointSets:
    """Union-find over the numbers 0 to count - 1; the root of a set is its smallest number."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def join(self, one: int, other: int) -> None:
        """Make the sets of two numbers one set."""
        a, b = self.root(one), self.root(other)
        self._parents[max(a, b)] = min(a, b)

    def root(self, number: int) -> int:
        """Return the smallest number of a number's set."""
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    def roots(self) -> NDArray[np.int64]:
        """Return the smallest number of every number's set, in order."""
        return np.array([self.root(n) for n in range(len(self._parents))], np.int64)
