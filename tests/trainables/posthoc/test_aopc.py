from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.trainables.explain.networks import small_classifier
from trainables.data.images import ImageSet
from trainables.explain import grad_cam, upsample
from trainables.models.classifier import Classifier
from trainables.posthoc.aopc import gallery_rows, run
from trainables.posthoc.explained import intensities, seeded_order
from trainables.predictions import Predictions
from trainables.spec import Aopc, SmallCNN, SplitName, Synthetic, TrialSpec


@dataclass
class Network:
    """A trained network in memory."""

    network: Classifier
    image_set: ImageSet
    key: str = "network-test"
    classes: tuple[str, ...] = ("a", "b", "c", "d")

    @property
    def spec(self) -> TrialSpec:
        return TrialSpec(data=Synthetic(), model=SmallCNN())

    def predictions(self, split: SplitName) -> Predictions:
        images = self.image_set
        with torch.no_grad():
            logits = self.network(intensities(images, np.arange(len(images))))[None]
        return Predictions(
            logits=logits, targets=torch.from_numpy(images.targets), image_ids=images.image_ids, split=split
        )

    def studies(self, split: SplitName) -> tuple[str, ...] | None:
        return None

    def features(self, split: SplitName) -> Tensor:
        raise NotImplementedError

    def head(self) -> nn.Linear:
        return self.network.head

    def classifier(self) -> Classifier:
        return self.network

    def images(self, split: SplitName) -> ImageSet:
        return self.image_set


def bright_bars(count: int = 24, *, masks: bool = True) -> ImageSet:
    """Images with a bright bar whose place is the class; class 3 has no bar, and an empty mask."""
    random = np.random.default_rng(0)
    pixels = random.integers(60, 120, (count, 32, 32), dtype=np.uint8)
    targets = np.arange(count, dtype=np.int64) % 4
    is_bar = np.zeros(pixels.shape, dtype=np.bool_)
    for n, target in enumerate(targets[targets < 4]):
        if target < 3:
            is_bar[n, 8:24, 10 * target : 10 * target + 8] = True
    pixels[is_bar] = 230
    ids = tuple(f"image{n}" for n in range(count))
    return ImageSet(
        pixels=pixels,
        targets=targets,
        splits=np.array(["test"] * count),
        image_ids=ids,
        groups=ids,
        classes=("a", "b", "c", "d"),
        patients_known=False,
        masks=is_bar if masks else None,
    )


@pytest.fixture(scope="module")
def trained() -> Classifier:
    """A network that knows its bars: a map of 8x8, trained for a second."""
    torch.manual_seed(0)
    classifier = small_classifier(pooling="dense", seed=1).train()
    images = bright_bars()
    x, y = intensities(images, np.arange(24)), torch.from_numpy(images.targets)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=0.01)
    for _ in range(120):
        optimizer.zero_grad()
        nn.functional.cross_entropy(classifier(x), y).backward()
        optimizer.step()
    return classifier.eval()


def test_metrics_of_a_trained_network_are_complete_and_beat_the_control(trained: Classifier) -> None:
    result = run(Aopc(noise=0.3), Network(trained, bright_bars()))
    assert set(result.metrics) == {
        *(f"test/{name}" for name in ("pointing_game", "energy_inside", "best_iou", "rank_accuracy", "mask_share")),
        *(f"test/aopc{name}{end}" for name in ("", "_random", "_gain") for end in ("", "/low", "/high")),
    }
    values = {name: value for name, value in result.metrics.items() if value is not None}
    assert len(values) == 14
    assert values["test/aopc_gain"] == pytest.approx(values["test/aopc"] - values["test/aopc_random"])
    assert values["test/energy_inside"] > 0
    assert set(result.seconds) == {"load", "maps", "curves", "localisation", "gallery"}
    assert any("mask is empty" in remark for remark in result.remarks)


def test_tensors_are_those_the_report_draws(trained: Classifier) -> None:
    images = bright_bars()
    result = run(Aopc(images=10), Network(trained, images))
    tensors = result.tensors
    for name in ("curve", "random_curve", "aopc_by_step", "random_aopc_by_step"):
        assert tensors[name].shape == (17,)
    assert tensors["aopc_per_image"].shape == tensors["rows"].shape == (10,)
    assert tensors["aopc_per_image"].mean().item() == pytest.approx(result.metrics["test/aopc"])
    assert tensors["aopc_by_step"][-1].item() == pytest.approx(result.metrics["test/aopc"], abs=1e-6)
    assert tensors["gallery/pixels"].dtype == torch.uint8
    assert tensors["gallery/pixels"].shape == tensors["gallery/maps"].shape == tensors["gallery/masks"].shape
    rows = tensors["gallery/rows"]
    assert sorted(tensors["gallery/targets"].tolist()) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert torch.equal(tensors["gallery/pixels"], torch.from_numpy(images.pixels[rows.numpy()]))
    one = upsample(grad_cam(trained, intensities(images, rows[:1].numpy())), (32, 32))
    assert torch.allclose(tensors["gallery/maps"][0], one[0, tensors["gallery/predicted"][0]], atol=1e-5)


def test_the_result_is_the_same_twice_and_whatever_the_order_of_the_split(trained: Classifier) -> None:
    images = bright_bars()
    first = run(Aopc(images=9), Network(trained, images))
    again = run(Aopc(images=9), Network(trained, images))
    assert first.metrics == again.metrics
    turned = images.take(np.random.default_rng(1).permutation(24))
    other = run(Aopc(images=9), Network(trained, turned))
    for name, value in first.metrics.items():
        assert other.metrics[name] == pytest.approx(value, abs=1e-6)
    assert run(Aopc(images=9, seed=1), Network(trained, images)).metrics != first.metrics


def test_only_correct_images_are_scored() -> None:
    classifier, images = small_classifier(seed=5), bright_bars()
    network = Network(classifier, images)
    result = run(Aopc(), network)
    predicted = network.predictions("test").logits[0].argmax(1).numpy()
    rows = result.tensors["rows"].numpy()
    assert set(rows) == set(np.flatnonzero(predicted == images.targets))


def test_a_network_without_a_correct_image_gives_no_number_and_says_so() -> None:
    classifier = small_classifier()
    with torch.no_grad():
        classifier.head.weight.zero_()
        classifier.head.bias.copy_(torch.tensor([0.0, 1.0, 2.0, 9.0]))
    images = bright_bars()
    images = images.take(np.flatnonzero(images.targets < 3))
    result = run(Aopc(), Network(classifier, images))
    assert result.metrics == dict.fromkeys(result.metrics)
    assert "no image of test correctly" in result.remarks[0]
    assert len(result.tensors["gallery/rows"]) == 8


def test_constant_maps_and_missing_regions_are_remarked() -> None:
    classifier = small_classifier()
    with torch.no_grad():
        classifier.head.weight.zero_()
        classifier.head.bias.copy_(torch.tensor([3.0, 0.0, 0.0, 0.0]))
    result = run(Aopc(cells=12), Network(classifier, bright_bars()))
    assert "6 of 6 maps are constant" in result.remarks[0]
    assert "11 x 11 regions, not 12 x 12" in result.remarks[1]


def test_without_masks_nothing_is_said_about_localisation(trained: Classifier) -> None:
    result = run(Aopc(images=4, split="val"), Network(trained, bright_bars(masks=False)))
    ends = ("", "/low", "/high")
    assert set(result.metrics) == {f"val/aopc{name}{end}" for name in ("", "_random", "_gain") for end in ends}
    assert result.metrics["val/aopc/low"] is None  # of 4 images
    assert "gallery/masks" not in result.tensors


def test_predictions_of_other_images_are_refused(trained: Classifier) -> None:
    class Shuffled(Network):
        def images(self, split: SplitName) -> ImageSet:
            return replace(self.image_set, image_ids=self.image_set.image_ids[::-1])

    with pytest.raises(ValueError, match="same order"):
        run(Aopc(), Shuffled(trained, bright_bars()))


def test_the_gallery_takes_correct_images_first_and_wrong_ones_where_a_class_has_no_other() -> None:
    targets = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([1, 0, 0, 1, 0, 0])
    rows = gallery_rows(targets, predicted, np.arange(6))
    assert rows.tolist() == [1, 3, 5, 2, 4, 0]


def test_another_image_moves_no_others_rank_in_the_seeded_order() -> None:
    ids = [f"image{n}" for n in range(20)]
    before = [ids[n] for n in seeded_order(ids, 0)]
    after = [(["new", *ids])[n] for n in seeded_order(["new", *ids], 0)]
    assert [name for name in after if name != "new"] == before
    assert [ids[n] for n in seeded_order(ids, 1)] != before
