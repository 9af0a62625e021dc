"""Methods against closed forms, slow loops and captum."""

from __future__ import annotations

import pytest
import torch
from captum.attr import LRP, IntegratedGradients, Occlusion, Saliency
from captum.attr._utils.lrp_rules import EpsilonRule
from torch import nn

from tests.trainables.explain.networks import small_classifier, some_images
from trainables.explain.class_maps import cam, grad_cam_of, grad_cam_pp, hires_cam
from trainables.explain.covering import occlusion, random_masks, rise
from trainables.explain.input_gradients import NOISE, SAMPLES, gradient, integrated_gradients, smooth_grad
from trainables.explain.relevance import chain_of, relevance
from trainables.models import build_model
from trainables.models.classifier import Classifier
from trainables.spec import SmallCNN

CLASSES = torch.tensor([1, 3, 0])


def test_cam_is_grad_cam_times_the_positions_after_global_average_pooling() -> None:
    classifier, images = small_classifier(), some_images(3)
    torch.testing.assert_close(cam(classifier, images, CLASSES), 16 * grad_cam_of(classifier, images, CLASSES))


def test_hires_cam_and_grad_cam_pp_are_their_formulas_position_by_position() -> None:
    classifier, images = small_classifier(pooling="dense", double=True), some_images(3, double=True)
    feature_map = classifier.feature_map(images).detach().requires_grad_()
    logits = classifier.logits_of(feature_map)
    high, plus = hires_cam(classifier, images, CLASSES), grad_cam_pp(classifier, images, CLASSES)
    for n, c in enumerate(CLASSES.tolist()):
        (gradients,) = torch.autograd.grad(logits[n, c], feature_map, retain_graph=True)
        g, a = gradients[n], feature_map[n].detach()
        torch.testing.assert_close(high[n], torch.relu((g * a).sum(0)))
        wanted = torch.zeros_like(a[0])
        for k in range(len(a)):
            weight = 0.0
            for i in range(4):
                for j in range(4):
                    slope = float(g[k, i, j])
                    below = 2 * slope**2 + slope**3 * float(a[k].sum())
                    weight += (slope**2 / below if below else 0.0) * max(slope, 0.0)
            wanted += weight * a[k]
        torch.testing.assert_close(plus[n], torch.relu(wanted))


def test_gradients_and_integrated_gradients_are_captums() -> None:
    classifier, images = small_classifier(double=True), some_images(3, double=True)
    wanted = Saliency(classifier).attribute(images.clone().requires_grad_(), target=CLASSES)
    torch.testing.assert_close(gradient(classifier, images, CLASSES), wanted[:, 0])
    many = IntegratedGradients(classifier).attribute(images, target=CLASSES, n_steps=32).abs()
    torch.testing.assert_close(integrated_gradients(classifier, images, CLASSES), many[:, 0].detach())


def test_integrated_gradients_add_up_to_what_the_logit_gains_over_black() -> None:
    classifier, images = small_classifier(pooling="dense", double=True), some_images(3, double=True)
    attributions = IntegratedGradients(classifier).attribute(images, target=CLASSES, n_steps=200)
    gained = (classifier(images) - classifier(torch.zeros_like(images))).gather(1, CLASSES[:, None])[:, 0]
    torch.testing.assert_close(attributions.sum((1, 2, 3)), gained, rtol=0.05, atol=0.05)


def test_smooth_grad_is_the_mean_of_the_gradients_of_noisy_images() -> None:
    classifier, images = small_classifier(), some_images(2)
    generator, total = torch.Generator().manual_seed(5), torch.zeros(2, 32, 32)
    for _ in range(SAMPLES):
        noisy = (images + NOISE * torch.randn(1, 32, 32, generator=generator)).requires_grad_()
        chosen = classifier(noisy)[torch.arange(2), CLASSES[:2]].sum()
        total += torch.autograd.grad(chosen, noisy)[0][:, 0]
    found = smooth_grad(classifier, images, CLASSES[:2], seed=5)
    torch.testing.assert_close(found, (total / SAMPLES).abs())


def test_occlusion_covers_as_captum_does() -> None:
    classifier = small_classifier(double=True)
    images = some_images(1, double=True)
    images = images - images.mean() + 0.5
    captum = Occlusion(classifier).attribute(
        images, sliding_window_shapes=(1, 4, 4), strides=(1, 2, 2), baselines=float(images.mean()), target=2
    )
    found = occlusion(classifier, images, torch.tensor([2]))
    torch.testing.assert_close(found, torch.relu(captum[:, 0]).double(), rtol=1e-4, atol=1e-6)


def test_rise_is_the_weighted_mean_of_its_masks() -> None:
    classifier, images = small_classifier(), some_images(2)
    masks = random_masks(32, 32, seed=3)
    assert masks.shape[1:] == (32, 32)
    assert masks.mean() == pytest.approx(0.5, abs=0.03)
    wanted = torch.zeros(2, 32, 32)
    with torch.no_grad():
        for mask in masks:
            probability = classifier(images * mask).softmax(1)[torch.arange(2), CLASSES[:2]]
            wanted += probability[:, None, None] * mask
    torch.testing.assert_close(rise(classifier, images, CLASSES[:2], seed=3), wanted / masks.sum(0))


def _plain_chain() -> Classifier:
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3), nn.ReLU())
    pooling = nn.Sequential(nn.Flatten(), nn.Linear(6 * 14 * 14, 8), nn.ReLU())
    return Classifier(backbone=backbone, pooling=pooling, head=nn.Linear(8, 4)).double().eval()


def test_the_epsilon_rule_is_captums_on_a_plain_chain() -> None:
    classifier, images = _plain_chain(), some_images(3, double=True)
    ours = relevance(classifier, images, CLASSES, positive=False)
    normalised = (images - 0.5) / 0.25
    chain = nn.Sequential(*classifier.backbone, *classifier.pooling, classifier.head)
    for part in chain:
        if isinstance(part, nn.Conv2d | nn.Linear | nn.Flatten):
            part.rule = EpsilonRule(epsilon=1e-9)
    captum = LRP(chain).attribute(normalised, target=CLASSES)
    torch.testing.assert_close(ours, captum[:, 0].detach(), rtol=1e-3, atol=1e-4)


def test_relevance_is_kept_from_layer_to_layer_without_biases() -> None:
    classifier, images = _plain_chain(), some_images(3, double=True)
    for part in classifier.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            assert part.bias is not None
            nn.init.zeros_(part.bias)
    for positive in (False, True):
        found = relevance(classifier, images, CLASSES, positive=positive).sum((1, 2))
        wanted = classifier(images).gather(1, CLASSES[:, None])[:, 0]
        torch.testing.assert_close(found, wanted.detach(), rtol=1e-3, atol=1e-5)


def test_a_chain_without_its_batch_norms_is_the_same_network() -> None:
    classifier = build_model(SmallCNN(widths=(4, 8)), classes=3, seed=0)
    classifier(some_images(8))  # statistics that are not those of a new network
    classifier.eval()
    chain = chain_of(classifier)
    assert chain is not None
    found = (some_images(2) - 0.5) / 0.25
    for layer in chain:
        found = layer(found)
    torch.testing.assert_close(found, classifier(some_images(2)), rtol=1e-4, atol=1e-5)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in chain)
