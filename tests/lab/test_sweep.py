"""A sweep on several hosts, undisturbed and with every fault that needs nodes: `make test-lab`."""

from __future__ import annotations

import time

import pytest

from tests.lab.cluster import Cluster
from tests.lab.hosts import Lab

pytestmark = pytest.mark.timeout(600)


def test_calm(lab: Lab) -> None:
    begun = time.monotonic()
    cluster = Cluster(lab)
    print(f"\nup after {time.monotonic() - begun:.0f} s:", cluster.living_nodes())
    begun = time.monotonic()
    start = cluster.sweep()
    code = start.wait()
    print(start.said)
    assert code == 0
    print(f"\nsweep took {time.monotonic() - begun:.0f} s:", cluster.epochs(), set(cluster.begun_on("*", open_only=False).values()))
    for k, v in cluster.tensors().items(): print(k, v[:8])
    print(cluster.audit())
