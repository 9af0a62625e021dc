from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor

from tests.trainables.explain.networks import small_classifier, some_images
from trainables.explain import Regions, score_maps
from trainables.explain.aopc import random_order
from trainables.explain.outputs import Observed, followed, label_probabilities, logits
from trainables.explain.perturbations import DESCRIPTIONS, blurred, filled_by_neighbours, perturbed_images
from trainables.models import build_model
from trainables.spec import Mimo, Perturbation

IDS = ("a", "b", "c")
GRID = Regions.of(height=30, width=32, rows=4, columns=3)
OTHERS = [how for how in get_args(Perturbation) if how != "noise"]


def _perturbed(how: Perturbation, images: Tensor, ids: tuple[str, ...] = IDS, seed: int = 0) -> Tensor:
    order = random_order(ids, regions=len(GRID), seed=5)
    return perturbed_images(images, ids, how=how, noise=0.1, seed=seed, order=order, regions=GRID)


@pytest.mark.parametrize("how", get_args(Perturbation))
def test_a_perturbed_image_is_an_image_and_belongs_to_id_and_seed(how: Perturbation) -> None:
    images = some_images(3)[:, :, :30]
    found = _perturbed(how, images)
    assert found.shape == images.shape
    assert 0 <= found.min() <= found.max() <= 1
    assert not torch.equal(found, images)
    torch.testing.assert_close(_perturbed(how, images[[2, 0]], ("c", "a")), found[[2, 0]])
    assert torch.equal(found, _perturbed(how, images, seed=1)) == (how not in ("noise", "uniform"))
    assert _perturbed(how, images[:0], ()).shape == (0, 1, 30, 32)
    assert how in DESCRIPTIONS


def test_the_mean_is_that_of_the_image_and_a_blur_keeps_what_is_flat_and_smooths_what_is_not() -> None:
    images = some_images(3)[:, :, :30]
    torch.testing.assert_close(_perturbed("mean", images)[:, 0, 3, 4], images.mean((1, 2, 3)))
    torch.testing.assert_close(blurred(torch.full((1, 1, 20, 40), 0.3)), torch.full((1, 1, 20, 40), 0.3))
    assert blurred(images).std() < 0.6 * images.std()


def _literal_fill(image: Tensor, order: list[int]) -> Tensor:
    """Pixel by pixel: the mean over the pixels of the regions next to one that still show the image."""
    number, shown, done = GRID.of_pixels(), image.clone(), set()
    for region in order:
        row, column = divmod(region, GRID.columns)
        near = [
            r * GRID.columns + c
            for r in range(max(0, row - 1), min(GRID.rows, row + 2))
            for c in range(max(0, column - 1), min(GRID.columns, column + 2))
            if (r, c) != (row, column)
        ]
        used = [each for each in near if each not in done] or near
        pixels = torch.cat([shown[number == each] for each in used])
        shown[number == region] = pixels.mean()
        done.add(region)
    return shown


def test_neighbours_fill_a_region_as_the_literal_loop_does() -> None:
    images, order = some_images(3)[:, :, :30], random_order(IDS, regions=len(GRID), seed=5)
    found = filled_by_neighbours(images, order, GRID)
    for n in range(3):
        torch.testing.assert_close(found[n, 0], _literal_fill(images[n, 0], order[n].tolist()))
    single = Regions.of(height=30, width=32, rows=1, columns=1)
    torch.testing.assert_close(
        filled_by_neighbours(images, torch.zeros(3, 1, dtype=torch.int64), single)[:, 0, 0, 0], images.mean((1, 2, 3))
    )


@pytest.mark.parametrize("how", OTHERS)
@pytest.mark.parametrize("order", ["most_relevant_first", "least_relevant_first"])
def test_curves_under_every_perturbation_are_those_of_the_literal_loop(how: Perturbation, order: str) -> None:
    classifier, images, maps = small_classifier(), some_images(2), torch.rand(2, 4, 4)
    predicted, regions = torch.tensor([1, 2]), Regions.of(height=32, width=32, rows=4, columns=4)
    scores = score_maps(
        classifier, images, maps, predicted=predicted, image_ids=IDS[:2], order=order, perturbation=how, value=logits
    )  # type: ignore[arg-type]
    number, sign = regions.of_pixels(), -1 if order == "most_relevant_first" else 1
    by_map = [sorted(range(16), key=lambda r: sign * float(maps[n].flatten()[r])) for n in range(2)]
    control = random_order(IDS[:2], regions=16, seed=0).tolist()
    for found, orders in ((scores.probabilities, by_map), (scores.random_probabilities, control)):
        whole = perturbed_images(
            images, IDS[:2], how=how, noise=0.1, seed=0, order=torch.tensor(orders), regions=regions
        )
        for n in range(2):
            classifier.requires_grad_(False)
            image, curve = images[n].clone(), [float(classifier(images[n : n + 1])[0, predicted[n]])]
            for region in orders[n]:
                image[:, number == region] = whole[n][:, number == region]
                curve.append(float(classifier(image[None])[0, predicted[n]]))
            assert found[n].tolist() == pytest.approx(curve, abs=1e-5)


def test_outputs_of_labels_are_sigmoids_and_those_of_members_their_mean() -> None:
    classifier, images = small_classifier(), some_images(3)
    torch.testing.assert_close(label_probabilities(classifier, images), torch.sigmoid(classifier(images)))
    torch.testing.assert_close(followed("logit", of_labels=True)(classifier, images), classifier(images))
    several = build_model(Mimo(name="test_resnet", members=2), classes=3, seed=0, size=32).eval()
    with torch.no_grad():
        members = several.member_logits(several.features(images))
        mean = torch.sigmoid(members).mean(0)
        torch.testing.assert_close(followed("probability", of_labels=True)(several, images), mean)
        torch.testing.assert_close(followed("logit", of_labels=True)(several, images), torch.logit(mean))
        torch.testing.assert_close(
            followed("probability", of_labels=False)(several, images), members.softmax(2).mean(0)
        )
    wanted = classifier(images).softmax(1)[[0, 1, 2], [2, 0, 1]]
    observed = Observed(classifier=classifier, batch_size=2)
    torch.testing.assert_close(observed.probabilities(images, torch.tensor([2, 0, 1])), wanted.detach())
    assert observed.is_predicted(images, classifier(images).argmax(1)).all()
