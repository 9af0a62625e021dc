from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainables.explain import Regions, most_relevant_first


def test_the_regions_of_paper_p3_are_34_pixels_with_a_last_row_of_27() -> None:
    regions = Regions.of(height=299, width=299, rows=9, columns=9)
    sizes = torch.bincount(regions.of_pixels().flatten())
    assert len(regions) == len(sizes) == 81
    assert sizes[0] == 34 * 34
    assert sizes[8] == sizes[72] == 34 * 27
    assert sizes[80] == 27 * 27


@given(height=st.integers(1, 70), width=st.integers(1, 70), data=st.data())
def test_every_pixel_lies_in_one_region_and_no_region_is_empty(height: int, width: int, data: st.DataObject) -> None:
    rows, columns = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    regions = Regions.of(height=height, width=width, rows=rows, columns=columns)
    sizes = torch.bincount(regions.of_pixels().flatten(), minlength=len(regions))
    assert len(sizes) == len(regions) <= rows * columns
    assert sizes.min() >= 1


@given(side=st.integers(4, 40), cells=st.integers(1, 12), rows=st.integers(1, 12), columns=st.integers(1, 12))
def test_relevance_is_the_mean_of_the_map_over_the_region(side: int, cells: int, rows: int, columns: int) -> None:
    regions = Regions.of(height=side, width=side, rows=min(cells, side), columns=min(cells, side))
    maps = torch.rand(2, rows, columns, dtype=torch.float64)
    values = regions.relevance(maps)
    if (rows, columns) == (regions.rows, regions.columns):
        assert torch.equal(values, maps.flatten(1))
        return
    fine = maps.repeat_interleave(side, 1).repeat_interleave(side, 2)  # [2, rows * side, columns * side]
    of_pixel = regions.of_pixels().repeat_interleave(rows, 0).repeat_interleave(columns, 1).flatten()
    sums = torch.zeros(2, len(regions), dtype=torch.float64).index_add_(1, of_pixel, fine.flatten(1))
    assert torch.allclose(values, sums / torch.bincount(of_pixel, minlength=len(regions)))


def test_equal_regions_keep_the_order_of_their_numbers() -> None:
    relevance = torch.tensor([[0.0, 2.0, 2.0, 3.0, 0.0], [1.0] * 5])
    assert most_relevant_first(relevance).tolist() == [[3, 1, 2, 0, 4], [0, 1, 2, 3, 4]]


def test_more_cells_than_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match="between 1 and the side"):
        Regions.of(height=32, width=32, rows=33, columns=33)
