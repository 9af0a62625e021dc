from __future__ import annotations

import pytest
import torch
from scipy.stats import spearmanr

from trainables.explain.rotation import common_circle, correlation, rank_correlation, rotate, rotation_correlation


def test_a_quarter_turn_is_counterclockwise_and_exact() -> None:
    images = torch.rand(2, 1, 16, 16)
    torch.testing.assert_close(rotate(images, 90), torch.rot90(images, 1, (2, 3)), atol=1e-5, rtol=0)
    assert rotate(images, 0) is images


@pytest.mark.parametrize("shape", [(3, 1, 20, 20), (2, 1, 20, 28)])
def test_rotation_is_torchvision_s_where_every_angle_shows_the_image(shape: tuple[int, ...]) -> None:
    from torchvision.transforms.v2 import InterpolationMode
    from torchvision.transforms.v2.functional import rotate_image

    images = torch.rand(shape)
    expected = rotate_image(images, 30, interpolation=InterpolationMode.BILINEAR, fill=0.0)
    circle = common_circle(*shape[2:])  # at the border it fills in another way
    torch.testing.assert_close(rotate(images, 30)[..., circle], expected[..., circle], atol=1e-4, rtol=0)


def test_correlations_agree_with_scipy_and_a_constant_map_has_none() -> None:
    draws = torch.rand(2, 50, generator=torch.Generator().manual_seed(0))
    one, other = (draws[0] * 9).round(), draws[1]
    assert float(rank_correlation(one[None], other[None])) == pytest.approx(spearmanr(one, other).statistic, abs=1e-6)
    assert float(correlation(one[None], other[None])) == pytest.approx(
        float(torch.corrcoef(torch.stack([one, other]))[0, 1]), abs=1e-6
    )
    assert float(rank_correlation(torch.ones(1, 50), other[None])) == 0


def test_a_map_that_turns_with_its_image_correlates_wholly() -> None:
    maps = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))
    assert rotation_correlation(maps, torch.rot90(maps, 1, (1, 2)), 90, (32, 32)).tolist() == pytest.approx(
        [1.0, 1.0], abs=1e-3
    )
    assert float(rotation_correlation(maps, maps, 90, (32, 32)).mean()) < 0.9


def test_the_circle_is_shown_at_every_angle() -> None:
    circle = common_circle(24, 24)
    turned = rotate(torch.ones(1, 1, 24, 24), 37)[0, 0]
    torch.testing.assert_close(turned[circle], torch.ones(int(circle.sum())))
