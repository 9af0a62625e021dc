"""Our maps and scores against pytorch-grad-cam and Quantus, where our conventions and theirs agree (`make peers`)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.quantus_curve import quantus_falls
from tests.trainables.explain.networks import small_classifier
from trainables.explain import Regions, area_over_curve, grad_cam, most_relevant_first, perturbation_curves
from trainables.explain.class_maps import grad_cam_pp, hires_cam
from trainables.explain.heat import gini
from trainables.explain.localisation import localise
from trainables.explain.perturbations import add_noise

CLASSES = 4


def images_of(count: int) -> Tensor:
    return torch.rand(count, 1, 32, 32, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    ("name", "ours"), [("GradCAM", None), ("HiResCAM", hires_cam), ("GradCAMPlusPlus", grad_cam_pp)]
)
@pytest.mark.parametrize("pooling", ["average", "dense"])
def test_class_maps_equal_those_of_pytorch_grad_cam(name: str, ours: object, pooling: str) -> None:
    library = pytest.importorskip("pytorch_grad_cam", reason="make peers puts it beside the environment")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    classifier, images = small_classifier(pooling=pooling), images_of(5)  # type: ignore[arg-type]
    with torch.no_grad():  # gradients far above the constant that they add to the denominators of Grad-CAM++
        classifier.head.weight *= 1e4
    for number in range(CLASSES):
        theirs = getattr(library, name)(model=classifier, target_layers=[classifier.backbone])
        targets = [ClassifierOutputTarget(number)] * len(images)
        # with the size of the map itself nothing is enlarged, and what is left is their scaling from 0 to 1
        theirs.get_target_width_height = lambda _: (4, 4)
        found = torch.from_numpy(theirs(input_tensor=images, targets=targets))
        theirs.activations_and_grads.release()
        if ours is None:
            expected = grad_cam(classifier, images)[:, number]
        else:
            expected = ours(classifier, images, torch.full((len(images),), number))  # type: ignore[operator]
        low, high = expected.amin((1, 2), keepdim=True), expected.amax((1, 2), keepdim=True)
        torch.testing.assert_close(
            found, (expected - low) / (1e-7 + high - low), atol=1e-5, rtol=1e-5, check_dtype=False
        )


def test_the_perturbation_curve_equals_that_of_quantus() -> None:
    pytest.importorskip("quantus", reason="make peers puts it beside the environment")
    classifier, images = small_classifier(), images_of(6)
    maps = torch.rand(6, 32, 32, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        predicted = classifier(images).argmax(1)
    regions = Regions.of(height=32, width=32, rows=4, columns=4)
    perturbed = add_noise(images, [str(n) for n in range(6)], noise=0.1, seed=0)
    order = most_relevant_first(regions.relevance(maps))
    curve = perturbation_curves(classifier, images, perturbed, predicted, order=order, regions=regions)
    falls = quantus_falls(classifier, images, maps, perturbed, predicted, patch=8)
    np.testing.assert_allclose(falls, (curve[:, :1] - curve[:, 1:]).numpy(), atol=1e-5)
    np.testing.assert_allclose(falls.sum(1) / 17, area_over_curve(curve).numpy(), atol=1e-5)


def test_sparseness_and_localisation_equal_those_of_quantus() -> None:
    quantus = pytest.importorskip("quantus", reason="make peers puts it beside the environment")
    classifier, images = small_classifier(), images_of(6)
    maps = torch.rand(6, 32, 32, generator=torch.Generator().manual_seed(5))
    masks = torch.zeros(6, 32, 32)
    masks[:, 8:20, 4:18] = 1
    given = {
        "model": classifier,
        "x_batch": images.numpy(),
        "y_batch": np.zeros(6, np.int64),
        "a_batch": maps[:, None].numpy(),
        "device": "cpu",
    }
    quiet = {"disable_warnings": True, "display_progressbar": False, "normalise": False, "abs": False}
    theirs = quantus.Sparseness(**quiet)(**given)
    np.testing.assert_allclose(theirs, gini(maps).numpy(), atol=1e-5)
    ours = localise(maps, masks.bool())
    ranks = quantus.RelevanceRankAccuracy(**quiet)(**given, s_batch=masks[:, None].numpy())
    np.testing.assert_allclose(ranks, ours.rank_accuracy.numpy(), atol=1e-5)
    inside = quantus.AttributionLocalisation(**quiet)(**given, s_batch=masks[:, None].numpy())
    np.testing.assert_allclose(inside, ours.energy_inside.numpy(), atol=1e-5)
