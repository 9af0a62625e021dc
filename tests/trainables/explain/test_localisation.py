from __future__ import annotations

import pytest
import torch

from trainables.explain import localise


def _mask(rows: slice, columns: slice) -> torch.Tensor:
    mask = torch.zeros(32, 32, dtype=torch.bool)
    mask[rows, columns] = True
    return mask


def test_a_map_that_is_the_mask_scores_one_and_one_beside_it_zero() -> None:
    masks = torch.stack([_mask(slice(0, 8), slice(8, 16))] * 2)
    maps = torch.zeros(2, 32, 32)
    maps[0, 2, 10] = 3.0
    maps[1, 20, 10] = 3.0
    scores = localise(maps, masks)
    assert scores.pointing_game.tolist() == [True, False]
    assert scores.energy_inside.tolist() == pytest.approx([1.0, 0.0])
    assert scores.mask_share.tolist() == pytest.approx([1 / 16, 1 / 16])


def test_a_flat_map_has_the_energy_of_the_masks_share() -> None:
    masks = _mask(slice(0, 16), slice(0, 16))[None]
    scores = localise(torch.full((1, 4, 4), 0.3), masks)
    assert scores.energy_inside.item() == pytest.approx(scores.mask_share.item())


def test_small_maps_are_enlarged_to_the_mask() -> None:
    maps = torch.zeros(1, 4, 4)
    maps[0, 1, 2] = 1.0
    scores = localise(maps, _mask(slice(8, 16), slice(16, 24))[None])
    assert scores.pointing_game.item()
    assert 0.3 < scores.energy_inside.item() < 1.0


def test_images_with_an_empty_mask_are_left_out_and_counted() -> None:
    masks = torch.stack(
        [_mask(slice(0, 0), slice(0, 0)), _mask(slice(0, 8), slice(0, 8)), _mask(slice(0, 0), slice(0))]
    )
    scores = localise(torch.rand(3, 4, 4), masks)
    assert scores.without_mask == 2
    assert len(scores.pointing_game) == len(scores.energy_inside) == len(scores.mask_share) == 1


def test_only_empty_masks_leave_empty_scores() -> None:
    scores = localise(torch.rand(3, 4, 4), torch.zeros(3, 32, 32, dtype=torch.bool))
    assert scores.without_mask == 3
    assert len(scores.pointing_game) == 0


def test_a_zero_map_points_nowhere() -> None:
    scores = localise(torch.zeros(1, 4, 4), _mask(slice(0, 8), slice(0, 8))[None])
    assert not scores.pointing_game.item()
    assert scores.energy_inside.item() == 0


def test_negative_relevance_and_missing_masks_are_refused() -> None:
    with pytest.raises(ValueError, match="positive part"):
        localise(-torch.ones(1, 4, 4), torch.ones(1, 32, 32, dtype=torch.bool))
    with pytest.raises(ValueError, match="one mask for each map"):
        localise(torch.ones(2, 4, 4), torch.ones(1, 32, 32, dtype=torch.bool))


def test_best_iou_and_rank_accuracy_agree_with_a_literal_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    maps = (torch.rand(4, 12, 12, generator=generator) * 8).round()  # with many equal values
    masks = torch.rand(4, 12, 12, generator=generator) < 0.3
    scores = localise(maps, masks)
    for n in range(4):
        found = [maps[n] >= value for value in maps[n].unique()]
        best = max(float((each & masks[n]).sum() / (each | masks[n]).sum()) for each in found)
        assert scores.best_iou[n].item() == pytest.approx(best)
        first = maps[n].flatten().argsort(descending=True, stable=True)[: int(masks[n].sum())]
        assert scores.rank_accuracy[n].item() == pytest.approx(masks[n].flatten()[first].double().mean().item())


def test_the_mask_itself_has_the_best_scores_and_a_map_of_zeros_none() -> None:
    masks = torch.stack([_mask(slice(0, 8), slice(8, 16))] * 3)
    maps = torch.stack([masks[0].float(), torch.zeros(32, 32), torch.full((32, 32), 0.5)])
    scores = localise(maps, masks)
    assert scores.best_iou.tolist() == pytest.approx([1.0, 0.0, 1 / 16])
    assert scores.rank_accuracy.tolist()[:2] == pytest.approx([1.0, 0.0])
