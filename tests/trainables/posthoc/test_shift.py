from dataclasses import dataclass

import numpy as np
import pytest
import sklearn.metrics as reference
import torch

from tests.trainables.planted import CLASSES
from trainables.data.corruptions import corrupt
from trainables.data.images import ImageSet
from trainables.metrics import headline, predictive_entropy
from trainables.models import build_model
from trainables.posthoc.explained import seeded_order
from trainables.posthoc.shift import run
from trainables.predict import one_pass
from trainables.spec import Shift, SmallCNN

IMAGES = 24


@dataclass
class SmallNetwork:
    """A network with random weights, on images of random grey values; only what the task asks for is there."""

    multilabel: bool = False
    key: str = "network-0"
    classes: tuple[str, ...] = CLASSES

    def classifier(self):
        return build_model(SmallCNN(), classes=len(CLASSES), seed=3, size=32).eval()

    def images(self, split):
        random = np.random.default_rng(0)
        targets = random.integers(0, 4, IMAGES)
        return ImageSet(
            pixels=random.integers(0, 256, (IMAGES, 32, 32)).astype(np.uint8),
            targets=(targets[:, None] == np.arange(4)).astype(np.float32) if self.multilabel else targets,
            splits=np.full(IMAGES, split),
            image_ids=tuple(f"{n}.png" for n in range(IMAGES)),
            groups=tuple(str(n) for n in range(IMAGES)),
            classes=CLASSES,
            patients_known=False,
        )


def test_metrics_are_those_of_a_pass_over_corrupted_images():
    network = SmallNetwork()
    result = run(Shift(corruptions=("noise", "jpeg"), images=10, seed=1), network)
    images = network.images("test")
    images = images.take(np.sort(seeded_order(images.image_ids, 1)[:10]))
    clean, _ = one_pass(network.classifier(), images, split="test")
    changed = corrupt(np.asarray(images.pixels), images.image_ids, "noise", 4, seed=1)
    noisy, _ = one_pass(network.classifier(), ImageSet(**{**vars(images), "pixels": changed}), split="test")
    for name in ("accuracy", "nll", "ece"):
        assert result.metrics[f"test/clean_{name}"] == pytest.approx(headline(clean)[name])
        assert result.metrics[f"test/{name}/noise_4"] == pytest.approx(headline(noisy)[name])
        column = [result.metrics[f"test/{name}/{which}_{s}"] for which in ("noise", "jpeg") for s in range(1, 6)]
        assert result.metrics[f"test/mean_{name}"] == pytest.approx(sum(column) / 10)
        assert result.tensors[name][:, 1:].flatten().tolist() == pytest.approx(column)
        assert result.tensors[name][:, 0].tolist() == pytest.approx([headline(clean)[name]] * 2)
    scores = torch.cat([predictive_entropy(noisy), predictive_entropy(clean)]).numpy()
    area = reference.roc_auc_score([1] * 10 + [0] * 10, scores)
    assert result.metrics["test/ood_auroc_entropy/noise_4"] == pytest.approx(area)
    assert result.metrics["test/images"] == 10


def test_several_labels_are_judged_as_well():
    result = run(Shift(corruptions=("contrast",), images=None), SmallNetwork(multilabel=True))
    assert result.metrics["test/images"] == IMAGES
    assert result.metrics["test/mean_nll"] > 0
    assert 0 <= result.metrics["test/ood_auroc_confidence/contrast_5"] <= 1


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="name each corruption once"):
        Shift(corruptions=("noise", "noise"))
    with pytest.raises(ValueError, match="at least one image"):
        Shift(images=0)
