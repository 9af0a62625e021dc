from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from trainables.explain.grad_cam import upsample
from trainables.losses import spatial_coherence
from trainables.losses.spatial_coherence import components


def some_maps(*shape: int, seed: int = 0) -> Tensor:
    maps = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return (maps + 0.3).requires_grad_()


def flooded(above: list[list[bool]]) -> list[list[int]]:
    """Components by filling from every pixel, corners touching."""
    rows, columns = len(above), len(above[0])
    numbers = [[0] * columns for _ in range(rows)]
    count = 0
    for start in ((r, c) for r in range(rows) for c in range(columns)):
        if above[start[0]][start[1]] and not numbers[start[0]][start[1]]:
            count += 1
            waiting = [start]
            while waiting:
                r, c = waiting.pop()
                inside = 0 <= r < rows and 0 <= c < columns
                if inside and above[r][c] and not numbers[r][c]:
                    numbers[r][c] = count
                    waiting += [(r + i, c + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return numbers


def literal(maps: Tensor, resolution: int | None) -> Tensor:
    """The formula as printed, a pixel and a neighbour at a time, with our threshold and divisor."""
    positive = torch.relu(maps)
    bright = positive if resolution is None else upsample(positive, (resolution, resolution))
    total = torch.zeros((), dtype=maps.dtype)
    for image in bright:
        for raw in image:
            x = raw / raw.max()
            numbers = flooded((x > x.mean()).tolist())
            rows, columns = x.shape
            for r in range(rows):
                for c in range(columns):
                    for i in range(max(0, r - 4), min(rows, r + 5)):
                        for j in range(max(0, c - 4), min(columns, c + 5)):
                            if numbers[r][c] and numbers[r][c] == numbers[i][j]:
                                total = total + (x[r, c] - x[i, j]) ** 2
    return total / bright.numel()


@pytest.mark.parametrize(
    ("shape", "resolution"), [((2, 2, 7, 7), None), ((1, 1, 2, 11), None), ((1, 2, 4, 4), 10), ((1, 4, 1, 9), None)]
)
def test_value_and_gradient_are_those_of_the_formula_a_pair_of_pixels_at_a_time(
    shape: tuple[int, ...], resolution: int | None
) -> None:
    maps = some_maps(*shape)
    ours, wanted = spatial_coherence(maps, resolution=resolution), literal(maps, resolution)
    assert wanted.item() > 0
    assert ours.item() == pytest.approx(wanted.item(), rel=1e-10)
    (gradient,), (literally,) = torch.autograd.grad(ours, maps), torch.autograd.grad(wanted, maps)
    torch.testing.assert_close(gradient, literally, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("resolution", [None, 6])
def test_gradients_agree_with_finite_differences(resolution: int | None) -> None:
    # components are constants: where a small step moves no pixel over the mean, the difference quotient sees them so
    assert torch.autograd.gradcheck(
        lambda maps: spatial_coherence(maps, resolution=resolution), (some_maps(1, 2, 4, 4),)
    )


def test_components_touch_at_corners_and_belong_to_one_map() -> None:
    bright = torch.zeros(3, 4, 4)
    bright[0, 0, 0] = bright[0, 1, 1] = bright[0, 3, 3] = 1.0
    bright[1, 0, 0] = 1.0
    numbers = components(bright)
    assert numbers[0, 0, 0] == numbers[0, 1, 1] != 0
    assert len({int(numbers[0, 0, 0]), int(numbers[0, 3, 3]), int(numbers[1, 0, 0]), 0}) == 4
    assert int((numbers != 0).sum()) == 4


def test_two_regions_are_not_compared_with_each_other() -> None:
    maps = torch.zeros(1, 1, 7, 7)
    maps[..., 0:2, 0:2], maps[..., 4:6, 4:6] = 1.0, 0.6
    assert spatial_coherence(maps).item() == 0
    maps[..., 2:4, 2:4] = 0.8
    assert spatial_coherence(maps).item() > 0


def test_a_window_reaches_four_pixels_and_no_further() -> None:
    maps = torch.ones(1, 1, 1, 40)
    maps[..., 20:] = 0.0
    maps[..., 0] = 0.5
    wanted = 2 * 4 * 0.25 / 40  # pixels 1 to 4 see pixel 0, and it sees them
    assert spatial_coherence(maps).item() == pytest.approx(wanted)


def test_how_large_the_numbers_of_a_map_are_does_not_matter() -> None:
    maps = some_maps(2, 3, 7, 7)
    value = spatial_coherence(maps).item()
    assert spatial_coherence(1e-3 * maps).item() == pytest.approx(value)
    assert 0 < value < 80


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_map_without_a_positive_part_counts_nothing_and_has_no_gradient(value: float) -> None:
    maps = torch.full((2, 3, 7, 7), value, requires_grad=True)
    result = spatial_coherence(maps)
    result.backward()
    assert result.item() == 0
    assert maps.grad is not None
    assert maps.grad.abs().max() == 0


@pytest.mark.parametrize("resolution", [None, 14])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_map_that_is_not_finite_shows(value: float, resolution: int | None) -> None:
    maps = torch.zeros(1, 2, 7, 7)
    maps[0, 1, 3, 3] = value
    assert spatial_coherence(maps, resolution=resolution).isnan()


def test_one_class_is_enough_and_no_class_is_zero() -> None:
    assert spatial_coherence(some_maps(2, 1, 5, 5)).item() > 0
    assert spatial_coherence(torch.zeros(2, 0, 5, 5)).item() == 0
