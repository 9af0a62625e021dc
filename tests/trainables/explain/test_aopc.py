from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.trainables.explain.networks import small_classifier, some_images
from trainables.explain import Regions, area_by_step, area_over_curve, grad_cam, score_maps
from trainables.explain.aopc import AopcScores, random_order
from trainables.explain.perturbations import add_noise
from trainables.models.classifier import Classifier

IDS = tuple(f"patient{n}/view.png" for n in range(5))


def _scores(
    count: int = 5, *, classifier: Classifier | None = None, batch_size: int | None = None, cells: int | None = None
) -> AopcScores:
    classifier = classifier or small_classifier()
    images = some_images(count)
    predicted = classifier(images).argmax(1)
    maps = grad_cam(classifier, images)[torch.arange(count), predicted]
    return score_maps(
        classifier, images, maps, predicted=predicted, image_ids=IDS[:count], cells=cells, seed=3, batch_size=batch_size
    )


def _literal_curve(classifier: Classifier, image: Tensor, order: list[int], field: Tensor, cells: int) -> list[float]:
    """P3's procedure by the letter: one image, one region after another, from x_{k-1} to x_k."""
    side = image.shape[-1]
    size = -(-side // cells)
    with torch.no_grad():
        target = int(classifier(image[None]).argmax())
        image = image.clone()
        curve = [float(classifier(image[None]).softmax(1)[0, target])]
        for region in order:
            top, left = region // cells * size, region % cells * size
            part = (slice(None), slice(top, min(top + size, side)), slice(left, min(left + size, side)))
            image[part] = (image[part] + 0.1 * field[part]).clamp(0, 1)
            curve.append(float(classifier(image[None]).softmax(1)[0, target]))
    return curve


@pytest.mark.parametrize(("cells", "side"), [(4, 32), (4, 30), (3, 32)])
def test_scores_are_those_of_the_literal_loop(cells: int, side: int) -> None:
    classifier, images = small_classifier(), some_images(5, side=side)
    predicted = classifier(images).argmax(1)
    maps = grad_cam(classifier, images)[torch.arange(5), predicted]
    scores = score_maps(classifier, images, maps, predicted=predicted, image_ids=IDS, cells=cells, seed=3)
    regions = Regions.of(height=side, width=side, rows=cells, columns=cells)
    relevance = regions.relevance(maps)
    fields = add_noise(torch.full((5, 1, side, side), 0.5), IDS, noise=1e-3, seed=3).sub(0.5).div(1e-3)
    control = random_order(IDS, regions=len(regions), seed=3)
    areas = []
    for n in range(5):
        order = sorted(range(len(regions)), key=lambda region: -float(relevance[n, region]))
        curve = _literal_curve(classifier, images[n], order, fields[n], cells)
        assert scores.probabilities[n].tolist() == pytest.approx(curve, abs=1e-5)
        areas.append(sum(curve[0] - value for value in curve[1:]) / (len(regions) + 1))
        random_curve = _literal_curve(classifier, images[n], control[n].tolist(), fields[n], cells)
        assert scores.random_probabilities[n].tolist() == pytest.approx(random_curve, abs=1e-5)
    assert area_over_curve(scores.probabilities).tolist() == pytest.approx(areas, abs=1e-5)
    assert scores.aopc == pytest.approx(sum(areas) / 5, abs=1e-5)


def test_neither_batch_size_nor_the_order_of_images_changes_a_score() -> None:
    wanted = _scores(batch_size=8)
    for batch_size in (1, 7, 500):
        assert torch.allclose(_scores(batch_size=batch_size).probabilities, wanted.probabilities, atol=1e-6)
    classifier, images = small_classifier(), some_images(5)
    predicted = classifier(images).argmax(1)
    maps = grad_cam(classifier, images)[torch.arange(5), predicted]
    turned = torch.tensor([3, 0, 4, 1, 2])
    ids = [IDS[n] for n in turned]
    again = score_maps(classifier, images[turned], maps[turned], predicted=predicted[turned], image_ids=ids, seed=3)
    assert torch.allclose(again.probabilities, wanted.probabilities[turned], atol=1e-6)
    assert torch.allclose(again.random_probabilities, wanted.random_probabilities[turned], atol=1e-6)


def test_the_noise_belongs_to_image_id_and_seed_has_the_asked_deviation_and_is_clipped() -> None:
    grey = torch.full((2, 1, 64, 64), 0.5)
    noise = add_noise(grey, ("a", "b"), noise=0.1, seed=0) - 0.5
    assert noise.std().item() == pytest.approx(0.1, rel=0.05)
    assert torch.equal(noise[1], (add_noise(grey[:1], ("b",), noise=0.1, seed=0) - 0.5)[0])
    assert not torch.equal(noise[0], noise[1])
    assert not torch.equal(noise[0], (add_noise(grey[:1], ("a",), noise=0.1, seed=1) - 0.5)[0])
    white = add_noise(torch.ones(1, 1, 64, 64), ("a",), noise=0.1, seed=0)
    assert white.max() == 1.0
    assert white.min() < 1.0


def test_maps_and_random_order_start_and_end_with_the_same_image() -> None:
    scores = _scores()
    assert scores.probabilities.shape == scores.random_probabilities.shape == (5, 17)
    assert torch.equal(scores.probabilities[:, [0, -1]], scores.random_probabilities[:, [0, -1]])


def test_it_costs_l_plus_1_images_for_the_maps_and_l_minus_1_for_the_control() -> None:
    classifier = small_classifier()
    seen: list[int] = []
    handle = classifier.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    images = some_images(4)
    maps = torch.rand(4, 4, 4)
    score_maps(classifier, images, maps, predicted=torch.zeros(4, dtype=torch.int64), image_ids=IDS[:4], batch_size=8)
    handle.remove()
    assert sum(seen) == 4 * (17 + 15)


def test_constant_maps_are_counted_and_perturbed_by_number() -> None:
    classifier, images = small_classifier(), some_images(3)
    maps = torch.zeros(3, 4, 4)
    maps[1, 0, 0] = 1.0
    settings = {"predicted": torch.zeros(3, dtype=torch.int64), "image_ids": IDS[:3]}
    scores = score_maps(classifier, images, maps, **settings)  # type: ignore[arg-type]
    falling = torch.arange(16, 0, -1.0).reshape(1, 4, 4).expand(3, 4, 4)
    by_number = score_maps(classifier, images, falling, **settings)  # type: ignore[arg-type]
    assert scores.flat_maps == 2
    assert torch.equal(scores.probabilities[0], by_number.probabilities[0])


def test_without_an_image_there_is_no_score() -> None:
    scores = score_maps(
        small_classifier(),
        torch.empty(0, 1, 32, 32),
        torch.empty(0, 4, 4),
        predicted=torch.empty(0, dtype=torch.int64),
        image_ids=(),
    )
    assert scores.aopc is None
    assert scores.aopc_random is None
    assert scores.flat_maps == 0
    assert scores.probabilities.shape == (0, 17)


def test_a_map_of_what_the_network_looks_at_beats_the_random_order() -> None:
    class BrightCorner(nn.Module):
        """Its only channel is the deviation inside the top left quarter, so noise elsewhere changes nothing."""

        def forward(self, images: Tensor) -> Tensor:
            channel = torch.zeros(len(images), 1, 4, 4)
            spread = images[:, 0].unfold(1, 8, 8).unfold(2, 8, 8).std(dim=(3, 4))
            channel[:, 0, :2, :2] = spread[:, :2, :2]
            return channel

    head = nn.Linear(1, 2)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[-30.0], [30.0]]))
        head.bias.copy_(torch.tensor([1.0, 0.0]))
    pooling = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    classifier = Classifier(backbone=BrightCorner(), pooling=pooling, head=head).eval()
    images = torch.full((5, 1, 32, 32), 0.5)
    maps = torch.zeros(5, 4, 4)
    maps[:, :2, :2] = 1.0
    scores = score_maps(classifier, images, maps, predicted=torch.zeros(5, dtype=torch.int64), image_ids=IDS)
    assert scores.aopc is not None
    assert scores.aopc_random is not None
    assert scores.aopc > 1.2 * scores.aopc_random > 0


def test_a_single_region_leaves_the_order_no_choice() -> None:
    scores = _scores(cells=1)
    assert scores.probabilities.shape == (5, 2)
    assert torch.equal(scores.probabilities, scores.random_probabilities)


def test_the_area_by_step_ends_with_the_aopc() -> None:
    scores = _scores()
    by_step = area_by_step(scores.probabilities)
    assert by_step[0] == 0
    assert by_step[-1].item() == pytest.approx(scores.aopc, abs=1e-6)
    halfway = (scores.probabilities[:, :1] - scores.probabilities)[:, :9].sum(1).mean() / 9
    assert by_step[8].item() == pytest.approx(halfway.item(), abs=1e-6)


def test_a_network_in_training_is_read_in_eval_mode() -> None:
    classifier = small_classifier(dropout=0.5)
    wanted = _scores(classifier=classifier)
    images = some_images(5)
    predicted = classifier(images).argmax(1)
    maps = grad_cam(classifier, images)[torch.arange(5), predicted]
    scores = score_maps(classifier.train(), images, maps, predicted=predicted, image_ids=IDS, seed=3)
    assert classifier.training
    assert torch.allclose(scores.probabilities, wanted.probabilities, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"noise": -0.1}, "0 or above"),
        ({"maps": torch.full((5, 4, 4), float("nan"))}, "non-finite"),
        ({"image_ids": IDS[:4]}, "one map, class and id for each"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "classifier": small_classifier(),
        "images": some_images(5),
        "maps": torch.rand(5, 4, 4),
        "predicted": torch.zeros(5, dtype=torch.int64),
        "image_ids": IDS,
    }
    with pytest.raises(ValueError, match=message):
        score_maps(**(arguments | change))  # type: ignore[arg-type]
