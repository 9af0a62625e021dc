from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.trainables.drawn_lungs import PER_PATIENT, lung_mask
from trainables.data.images import ImageSet, Rows
from trainables.data.synthetic import synthesize_many
from trainables.models.unet import LungMap, UNet, build_lung_map
from trainables.segmentation import dice, iou, overlap, segmentation_loss, train_lungs
from trainables.spec import LungSegmentation, to_plain

SPEC = LungSegmentation(widths=(4, 8, 16), epochs=6, size=32, learning_rate=1e-2, batch_size=8)


def drawn(images: int = 48, size: int = 32) -> tuple[ImageSet, Rows[np.bool_]]:
    found = synthesize_many(images, size=size, images_per_patient=PER_PATIENT)
    splits = np.array(["train"] * (images - 16) + ["val"] * 8 + ["test"] * 8)
    data = ImageSet(
        pixels=found.pixels,
        targets=found.labels,
        splits=splits,
        image_ids=found.ids,
        groups=found.patients,
        classes=("normal", "opacity", "effusion", "enlarged_heart"),
        patients_known=True,
    )
    return data, Rows(np.stack([lung_mask(n, size) for n in range(images)]))


def slow_overlap(drawn_map: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    both = either = first = second = 0
    for a, b in zip(drawn_map.ravel().tolist(), mask.ravel().tolist(), strict=True):
        both, either = both + (a and b), either + (a or b)
        first, second = first + a, second + b
    return (2 * both / (first + second) if first + second else 1.0), (both / either if either else 1.0)


def test_dice_and_iou_are_those_of_a_slow_count_and_two_empty_ones_agree() -> None:
    random = np.random.default_rng(0)
    maps, masks = random.random((6, 5, 7)) < 0.4, random.random((6, 5, 7)) < 0.5
    maps[0] = masks[0] = False
    maps[1], masks[2] = False, False
    expected = torch.tensor([slow_overlap(a, b) for a, b in zip(maps, masks, strict=True)])
    torch.testing.assert_close(dice(torch.from_numpy(maps), torch.from_numpy(masks)), expected[:, 0])
    torch.testing.assert_close(iou(torch.from_numpy(maps), torch.from_numpy(masks)), expected[:, 1])
    assert expected[:3].tolist() == [[1, 1], [0, 0], [0, 0]]


def test_the_loss_is_that_of_a_slow_sum() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(3, 1, 4, 5).double(), torch.rand(3, 1, 4, 5).double()
    targets[0] = 0
    entropy, soft = [], []
    for image, target in zip(logits[:, 0].tolist(), targets[:, 0].tolist(), strict=True):
        pairs = [
            (1 / (1 + np.exp(-x)), t)
            for row, wanted in zip(image, target, strict=True)
            for x, t in zip(row, wanted, strict=True)
        ]
        entropy += [-(t * np.log(p) + (1 - t) * np.log(1 - p)) for p, t in pairs]
        sizes = sum(p for p, _ in pairs) + sum(t for _, t in pairs)
        soft.append(1 - (2 * sum(p * t for p, t in pairs) + 1) / (sizes + 1))
    assert float(segmentation_loss(logits, targets)) == pytest.approx(np.mean(entropy) + np.mean(soft))


def test_the_metrics_of_a_split_are_means_over_its_images_at_their_own_size() -> None:
    data, masks = drawn(images=20, size=40)
    lung_map = build_lung_map(SPEC)
    found = overlap(lung_map, data.pixels, masks)
    with torch.no_grad():
        soft = lung_map.eval()(torch.from_numpy(data.pixels[:])[:, None].float() / 255)[:, 0].numpy()
    assert soft.shape == masks.shape
    each = np.array([slow_overlap(a, b) for a, b in zip(soft >= 0.5, masks[:], strict=True)])
    assert (found["dice"], found["iou"]) == pytest.approx(tuple(each.mean(0)))


def test_it_learns_where_the_lungs_are_and_keeps_the_best_epoch_on_val() -> None:
    data, masks = drawn()
    found = train_lungs(SPEC, data, masks)
    on_val = [epoch["val/dice"] for epoch in found.epochs]
    assert found.best_epoch == 1 + int(np.argmax(on_val))
    assert found.metrics["val/dice"] == pytest.approx(max(on_val))
    assert set(found.metrics) == {f"{split}/{name}" for split in ("train", "val", "test") for name in ("dice", "iou")}
    everything = 2 * masks[40:].mean((1, 2)) / (1 + masks[40:].mean((1, 2)))
    assert found.metrics["test/dice"] > max(0.85, everything.mean()), (
        "more than the Dice of a map that is lung throughout"
    )
    lung_map = LungMap(SPEC)
    lung_map.load_state_dict(found.weights)
    assert overlap(lung_map, data.pixels.take(np.arange(32, 40)), masks.take(np.arange(32, 40)))["dice"] == max(on_val)


def test_the_same_seed_gives_the_same_weights_and_only_train_is_learnt() -> None:
    data, masks = drawn(images=28)
    short = replace(SPEC, epochs=1)
    first = train_lungs(short, data, masks)
    others = np.array(masks[:])
    others[20:] = ~others[20:]
    second = train_lungs(short, data, Rows(others))
    third = train_lungs(replace(short, seed=1), data, masks)
    assert all(torch.equal(first.weights[name], second.weights[name]) for name in first.weights)
    assert not all(torch.equal(first.weights[name], third.weights[name]) for name in first.weights)


@pytest.mark.parametrize("side", [32, 33, 45])
def test_sides_need_not_be_powers_of_two(side: int) -> None:
    assert UNet((4, 8, 16))(torch.zeros(2, 1, side, side)).shape == (2, 1, side, side)


def test_masks_of_other_images_and_senseless_settings_are_refused() -> None:
    data, masks = drawn(images=20)
    with pytest.raises(ValueError, match="one mask an image"):
        train_lungs(SPEC, data, masks.take(np.arange(3)))
    for field, value in {"widths": (8,), "size": 2, "epochs": 0, "batch_size": 1}.items():
        with pytest.raises(ValueError, match="lungs/segmentation"):
            LungSegmentation(**{field: value})
    assert to_plain(LungSegmentation()) == {}
