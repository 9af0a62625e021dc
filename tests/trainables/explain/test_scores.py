"""Scores beside AOPC against literal loops over images, pixels and draws."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from tests.trainables.explain.networks import small_classifier, some_images
from trainables.explain import Regions, upsample
from trainables.explain.heat import gini, haas, heat_assisted, sparseness
from trainables.explain.methods import saliency_maps
from trainables.explain.outputs import Observed
from trainables.explain.perturbations import blurred, generator_of
from trainables.explain.randomisation import parts_from_the_head, randomised_correlations, spearman
from trainables.explain.removal import area_under, deletion_insertion, sufficiency_comprehensiveness
from trainables.explain.road import imputed, road
from trainables.explain.sensitivity import infidelity, max_sensitivity, random_squares
from trainables.models import build_model
from trainables.models.classifier import Classifier
from trainables.spec import Timm

IDS = ("a", "b", "c")
CLASSES = torch.tensor([0, 3, 1])


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return small_classifier(seed=2).requires_grad_(False)


def _images() -> Tensor:
    return some_images(3)


def _maps() -> Tensor:
    return torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(7))


def _said(classifier: Classifier, image: Tensor, of: int) -> float:
    return float(classifier(image[None]).softmax(1)[0, of])


def _only(inputs: Tensor | tuple[Tensor, ...]) -> Tensor:
    return inputs if isinstance(inputs, Tensor) else inputs[0]


def _ranked_pixels(n: int, side: int = 32) -> list[int]:
    large = upsample(_maps()[n : n + 1, None], (side, side))[0, 0].flatten().tolist()
    return sorted(range(side * side), key=lambda p: -large[p])


def test_imputed_pixels_are_the_weighted_mean_of_their_neighbours() -> None:
    images = some_images(2, side=9)
    removed = torch.rand(2, 1, 9, 9, generator=torch.Generator().manual_seed(1)) < 0.7
    shown = imputed(images, removed, image_ids=IDS[:2], noise=0.0)
    assert torch.equal(shown[~removed], images[~removed])
    for n in range(2):
        places = [tuple(each) for each in removed[n, 0].nonzero().tolist()]
        number = {place: i for i, place in enumerate(places)}
        matrix, wanted = np.eye(len(places)), np.zeros(len(places))
        for (row, column), i in number.items():
            near = [
                (r, c, 1 / 6 if r == row or c == column else 1 / 12)
                for r in range(max(0, row - 1), min(9, row + 2))
                for c in range(max(0, column - 1), min(9, column + 2))
                if (r, c) != (row, column)
            ]
            total = sum(weight for *_, weight in near)
            for r, c, weight in near:
                if (r, c) in number:
                    matrix[i, number[r, c]] -= weight / total
                else:
                    wanted[i] += weight / total * float(images[n, 0, r, c])
        assert shown[n][removed[n]].tolist() == pytest.approx(np.linalg.solve(matrix, wanted).tolist(), abs=1e-5)
    noisy = imputed(images, removed, image_ids=IDS[:2], noise=0.02)
    assert (noisy - shown)[removed].std().item() == pytest.approx(0.02, rel=0.3)


def test_road_removes_what_is_most_and_what_is_least_relevant(classifier: Classifier) -> None:
    images = _images()
    found = road(
        Observed(classifier=classifier, batch_size=2), images, _maps(), CLASSES, image_ids=IDS, percentages=(20, 60)
    )
    for n in range(3):
        ranked = _ranked_pixels(n)
        for i, share in enumerate((20, 60)):
            count = round(1024 * share / 100)
            for chosen, values, kept in (
                (ranked[:count], found.most, found.most_kept),
                (ranked[-count:], found.least, found.least_kept),
            ):
                removed = torch.zeros(1024, dtype=torch.bool)
                removed[chosen] = True
                shown = imputed(images[n : n + 1], removed.reshape(1, 1, 32, 32), image_ids=IDS[n : n + 1])
                assert values[n, i].item() == pytest.approx(_said(classifier, shown[0], int(CLASSES[n])), abs=1e-5)
                assert kept[n, i] == (classifier(shown).argmax() == CLASSES[n])


def test_deletion_and_insertion_are_those_of_the_literal_loop(classifier: Classifier) -> None:
    images = _images()
    found = deletion_insertion(Observed(classifier=classifier), images, _maps(), CLASSES, steps=4)
    smooth = blurred(images)
    for n in range(3):
        ranked, of = _ranked_pixels(n), int(CLASSES[n])
        deleted, inserted = images[n].clone(), smooth[n].clone()
        falling, rising = [_said(classifier, deleted, of)], [_said(classifier, inserted, of)]
        for step in range(4):
            for pixel in ranked[256 * step : 256 * (step + 1)]:
                place = (0, pixel // 32, pixel % 32)
                deleted[place], inserted[place] = images[n].mean(), images[n][place]
            falling.append(_said(classifier, deleted, of))
            rising.append(_said(classifier, inserted, of))
        assert found.deletion[n].tolist() == pytest.approx(falling, abs=1e-5)
        assert found.insertion[n].tolist() == pytest.approx(rising, abs=1e-5)
        area = sum((a + b) / 2 / 4 for a, b in itertools.pairwise(falling))
        assert found.deletion_area[n].item() == pytest.approx(area, abs=1e-5)
    assert area_under(torch.tensor([[1.0, 0.0]])).item() == 0.5


def test_sufficiency_and_comprehensiveness_are_those_of_the_literal_loop(classifier: Classifier) -> None:
    images, maps = _images(), _maps()
    found = sufficiency_comprehensiveness(
        Observed(classifier=classifier), images, maps, CLASSES, cells=4, shares=(5, 30)
    )
    number = Regions.of(height=32, width=32, rows=4, columns=4).of_pixels()
    for n in range(3):
        ranked = sorted(range(16), key=lambda r, n=n: -float(maps[n].flatten()[r]))
        whole = _said(classifier, images[n], int(CLASSES[n]))
        for i, count in enumerate((1, 5)):
            without, alone = images[n].clone(), torch.full_like(images[n], float(images[n].mean()))
            for region in ranked[:count]:
                without[:, number == region] = images[n].mean()
                alone[:, number == region] = images[n][:, number == region]
            wanted = whole - _said(classifier, without, int(CLASSES[n]))
            assert found.comprehensiveness[n, i].item() == pytest.approx(wanted, abs=1e-5)
            wanted = whole - _said(classifier, alone, int(CLASSES[n]))
            assert found.sufficiency[n, i].item() == pytest.approx(wanted, abs=1e-5)


def test_max_sensitivity_is_that_of_the_literal_loop_and_of_captum(classifier: Classifier) -> None:
    from captum.metrics import sensitivity_max

    images = _images()

    def explain(some: Tensor) -> Tensor:
        return saliency_maps(classifier, some, CLASSES[: len(some)], "grad_cam")

    found = max_sensitivity(explain, images, image_ids=IDS, draws=3, seed=4)
    generators = [generator_of(4, "sensitivity", name) for name in IDS]
    moved = [torch.stack([torch.rand(1, 32, 32, generator=each) for each in generators]) for _ in range(3)]
    maps, worst = explain(images), torch.zeros(3)
    for draw in moved:
        for n in range(3):
            change = (explain(images + 0.02 * (2 * draw - 1)) - maps)[n].norm() / maps[n].norm()
            worst[n] = max(worst[n], change)
    torch.testing.assert_close(found, worst)
    for n in range(3):
        left = iter(moved)
        by_captum = sensitivity_max(
            lambda inputs, n=n: (saliency_maps(classifier, _only(inputs), CLASSES[n : n + 1], "grad_cam"),),
            images[n : n + 1],
            perturb_func=lambda inputs, _, n=n, left=left: _only(inputs) + 0.02 * (2 * next(left)[n : n + 1] - 1),
            n_perturb_samples=3,
            max_examples_per_batch=1,
        )
        torch.testing.assert_close(found[n : n + 1], by_captum)
    assert (max_sensitivity(lambda some: torch.ones(len(some), 2, 2), images, image_ids=IDS) == 0).all()


def test_infidelity_is_that_of_the_literal_loop(classifier: Classifier) -> None:
    images, maps = _images(), _maps()
    found = infidelity(Observed(classifier=classifier), images, maps, CLASSES, image_ids=IDS, squares=5, seed=1)
    for n in range(3):
        squares = random_squares(32, 32, 5, generator_of(1, "squares", IDS[n]))
        assert (squares.sum((1, 2)) == 64).all()
        large, of = upsample(maps[n : n + 1, None], (32, 32))[0, 0], int(CLASSES[n])
        told = [float(large[square].sum()) for square in squares]
        falls = []
        for square in squares:
            shown = images[n].clone()
            shown[:, square] = images[n].mean()
            falls.append(_said(classifier, images[n], of) - _said(classifier, shown, of))
        scale = sum(t * f for t, f in zip(told, falls, strict=True)) / sum(t * t for t in told)
        error = sum((scale * t - f) ** 2 for t, f in zip(told, falls, strict=True)) / 5
        assert found.infidelity[n].item() == pytest.approx(error, rel=1e-3, abs=1e-9)
        assert found.share[n].item() == pytest.approx(error / (sum(f * f for f in falls) / 5), rel=1e-3)


def test_the_gini_index_is_the_mean_difference_of_pairs() -> None:
    maps = _maps()
    for n, value in enumerate(gini(maps).tolist()):
        v = maps[n].flatten().tolist()
        pairs = sum(abs(a - b) for a in v for b in v) / (2 * len(v) ** 2 * (sum(v) / len(v)))
        assert value == pytest.approx(pairs, abs=1e-6)
    single = torch.zeros(1, 4, 4)
    single[0, 1, 1] = 3.0
    assert gini(single).item() == pytest.approx(15 / 16)
    assert gini(torch.zeros(1, 4, 4)).item() == pytest.approx(0)
    assert sparseness(single, (32, 32)).item() > sparseness(torch.ones(1, 4, 4), (32, 32)).item()


def test_heat_raises_contrast_where_the_map_is_high_and_nowhere_else() -> None:
    images, maps = torch.tensor([0.2, 0.5, 0.9]).reshape(1, 1, 1, 3), torch.tensor([[[2.0, 2.0, 0.0]]])
    assert heat_assisted(images, maps).flatten().tolist() == pytest.approx([0.0, 0.5, 0.9])
    assert heat_assisted(images, maps / 2 + torch.tensor([[[0.0, 0.0, 0.5]]])).flatten().tolist() == pytest.approx(
        [0.0, 0.5, 1.0]
    )
    torch.testing.assert_close(heat_assisted(images, torch.zeros(1, 1, 3)), images)
    assert haas(torch.tensor([True, True]), torch.tensor([True, False])) == 2.0
    assert haas(torch.tensor([True]), torch.tensor([False])) is None


def test_randomisation_goes_from_the_head_to_the_image_and_leaves_the_network(classifier: Classifier) -> None:
    assert [name for name, _ in parts_from_the_head(classifier)] == [
        "head", "backbone.5", "backbone.4", "backbone.1", "backbone.0",
    ]  # fmt: skip
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    images = _images()
    state = torch.random.get_rng_state()
    names, found = randomised_correlations(
        classifier, lambda network: saliency_maps(network, images, CLASSES, "gradient"), seed=3
    )
    assert torch.equal(state, torch.random.get_rng_state())
    assert found.shape == (3, len(names))
    assert all(torch.equal(value, before[name]) for name, value in classifier.state_dict().items())
    assert (found < 0.9).all()
    _, still = randomised_correlations(classifier, lambda _: images[:, 0], seed=3)
    torch.testing.assert_close(still, torch.ones_like(still))
    again = randomised_correlations(
        classifier, lambda network: saliency_maps(network, images, CLASSES, "gradient"), seed=3
    )
    assert torch.equal(again[1], found)


def test_every_parameter_of_a_vision_transformer_is_randomised() -> None:
    network = build_model(Timm(name="test_vit"), classes=3, seed=0, size=32)
    reached = {id(each) for _, part in parts_from_the_head(network) for each in part.parameters()}
    assert reached == {id(each) for each in network.parameters()}


def test_spearman_is_that_of_scipy() -> None:
    one = torch.randint(0, 5, (2, 4, 4), generator=torch.Generator().manual_seed(0)).float()
    other = _maps()[:2]
    wanted = [spearmanr(one[n].flatten(), other[n].flatten()).statistic for n in range(2)]
    assert spearman(one, other).tolist() == pytest.approx(wanted)
    assert spearman(one, torch.ones(2, 4, 4)).tolist() == [0.0, 0.0]
    assert not math.isnan(float(spearman(one, nn.functional.relu(-other))[0]))
