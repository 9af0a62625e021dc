"""Maps made from gradients by the pixels; captum where it has the method."""

from __future__ import annotations

import copy
import warnings

import torch
from torch import Tensor, nn

from trainables.explain.grad_cam import in_eval_mode
from trainables.models.classifier import Classifier

SAMPLES = 25
NOISE = 0.15
STEPS = 32


def gradient(classifier: Classifier, images: Tensor, classes: Tensor, seed: int = 0) -> Tensor:
    """`|d y_c / d x|` (Simonyan et al. 2014; the gradient maps of paper P1), [batch, height, width]."""
    return _pixel_gradients(classifier, images, classes).abs().amax(1)


def smooth_grad(classifier: Classifier, images: Tensor, classes: Tensor, seed: int = 0) -> Tensor:
    """The mean of d y_c / d x over 25 noisy copies, as an absolute value (Smilkov et al. 2017).

    The noise has a standard deviation of 0.15 on intensities in [0, 1] and is not clipped, as in the paper. It is drawn from
    the seed, sample by sample, and is the same for every image.
    """
    total = torch.zeros_like(images)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(SAMPLES):
        noise = NOISE * torch.randn(images.shape[1:], generator=generator).to(images)
        total += _pixel_gradients(classifier, images + noise, classes)
    return (total / SAMPLES).abs().amax(1)


def integrated_gradients(classifier: Classifier, images: Tensor, classes: Tensor, seed: int = 0) -> Tensor:
    """Integrated gradients from a black image in 32 steps (Sundararajan et al. 2017), by captum; the absolute attribution."""
    from captum.attr import IntegratedGradients

    with torch.inference_mode(False), torch.enable_grad(), in_eval_mode(classifier):
        explainer = IntegratedGradients(classifier, multiply_by_inputs=True)
        attributions = explainer.attribute(
            images.detach(), target=classes, n_steps=STEPS, internal_batch_size=max(8, len(images))
        )
    result: Tensor = attributions.detach().abs().amax(1)
    return result


def guided_backprop(classifier: Classifier, images: Tensor, classes: Tensor, seed: int = 0) -> Tensor:
    """Gradients that pass a ReLU only where they are positive (Springenberg et al. 2015), by captum; the absolute value.

    captum hooks the ReLUs, so it gets a copy whose ReLUs do not work in place, and the network never has a hook.
    """
    from captum.attr import GuidedBackprop

    guided = copy.deepcopy(classifier).eval().requires_grad_(False)
    for part in guided.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    with torch.inference_mode(False), torch.enable_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Setting backward hooks")  # they are on the copy
        attributions = GuidedBackprop(guided).attribute(images.detach().requires_grad_(), target=classes)
    result: Tensor = attributions.detach().abs().amax(1)
    return result


def refuses_guided_backprop(classifier: Classifier) -> str:
    """Why guided backpropagation and deconvolution say nothing about a network; empty if they do."""
    others = (nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Hardswish, nn.LeakyReLU, nn.ELU)
    parts = list(classifier.modules())
    other = next((type(part).__name__ for part in parts if isinstance(part, others)), None)
    if other is None and any(isinstance(part, nn.ReLU) for part in parts):
        return ""
    return (
        f"its rule is for ReLU, and the network has {other or 'none'}. Take smooth_grad or integrated_gradients, which ask "
        "for nothing but a gradient"
    )


def _pixel_gradients(classifier: Classifier, images: Tensor, classes: Tensor) -> Tensor:
    """`d y_c / d x`, [batch, 1, height, width]."""
    with torch.inference_mode(False), torch.enable_grad(), in_eval_mode(classifier):
        pixels = images.detach().clone().requires_grad_()
        chosen = classifier(pixels).gather(1, classes[:, None]).sum()
        (gradients,) = torch.autograd.grad(chosen, pixels)
    return gradients
