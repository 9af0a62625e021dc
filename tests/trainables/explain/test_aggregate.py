from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import rankdata, spearmanr

from trainables.explain.aggregate import aggregate, agreement, average_ranks, region_certainty, scaled
from trainables.explain.regions import Regions


def some_maps(members: int = 5, images: int = 3, *, seed: int = 0) -> torch.Tensor:
    return torch.rand(members, images, 6, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_aggregations_are_those_of_a_loop_over_pixels() -> None:
    maps = some_maps()
    for how, wanted in {"mean": np.mean, "intersection": np.min, "union": np.max, "median": np.median}.items():
        found = aggregate(maps, how)  # type: ignore[arg-type]
        for n in range(3):
            for row in range(6):
                for column in range(8):
                    assert float(found[n, row, column]) == pytest.approx(wanted(maps[:, n, row, column].numpy()))
    torch.testing.assert_close(aggregate(maps, 30.0), torch.from_numpy(np.percentile(maps.numpy(), 30, axis=0)))


def test_every_aggregation_of_copies_is_the_map() -> None:
    maps = some_maps(1).expand(4, -1, -1, -1)
    for how in ("mean", "intersection", "union", "median", 80.0):
        torch.testing.assert_close(aggregate(maps, how), maps[0])  # type: ignore[arg-type]
    found = agreement(maps)
    assert float(found.deviation.max()) < 1e-9
    torch.testing.assert_close(found.correlation, torch.ones(3, dtype=torch.float64))


def test_what_is_no_aggregation_is_refused() -> None:
    with pytest.raises(ValueError, match="percentiles from 0 to 100, and got 120"):
        aggregate(some_maps(), 120.0)
    with pytest.raises(ValueError, match=r"maps\[members, images, rows, columns\]"):
        aggregate(some_maps()[0], "mean")


def test_a_scaled_map_goes_from_0_to_1_and_a_flat_one_is_0() -> None:
    maps = torch.stack([torch.full((4, 4), 3.0), torch.arange(16.0).reshape(4, 4) - 7])
    found = scaled(maps)
    assert float(found[0].abs().max()) == 0
    assert (float(found[1].min()), float(found[1].max())) == (0, 1)


def test_ranks_and_correlation_are_scipys() -> None:
    values = torch.randint(0, 6, (4, 20), generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(average_ranks(values), torch.from_numpy(rankdata(values.numpy(), axis=1)))
    maps = (some_maps() * 6).round()
    found = agreement(maps).correlation
    for n in range(3):
        pairs = [
            spearmanr(maps[i, n].flatten().numpy(), maps[j, n].flatten().numpy()).statistic
            for i in range(5)
            for j in range(i)
        ]
        assert float(found[n]) == pytest.approx(np.mean(pairs))


def test_a_planted_order_of_regions_is_found_with_its_certainty() -> None:
    regions = Regions.of(height=4, width=4, rows=2, columns=2)
    maps = torch.zeros(10, 1, 2, 2, dtype=torch.float64)
    maps[:, 0, 0, 0] = 4.0
    maps[:7, 0, 0, 1] = 2.0  # seven of ten members see it above the third region
    maps[:, 0, 1, 0] = 1.0
    found = region_certainty(maps, regions)
    assert float(found.outranks[0, 0, 1]) == 1
    assert float(found.outranks[0, 1, 2]) == pytest.approx(0.7)
    assert float(found.outranks[0, 2, 1]) == pytest.approx(0.3)
    assert float(found.outranks[0, 3, 3]) == pytest.approx(0.5)
    torch.testing.assert_close(found.outranks + found.outranks.mT, torch.ones(1, 4, 4, dtype=torch.float64))
    assert float(found.low[0, 1]) == 0
    assert float(found.median[0, 1]) == pytest.approx(2 / 7)
    assert (found.low <= found.median).all()
    assert (found.median <= found.high).all()
