from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch

from trainables.data.images import ImageSet, Rows
from trainables.mc_dropout import mc_dropout_logits
from trainables.metrics import disagreement, evaluate, mutual_information, predictive_entropy
from trainables.models import Classifier, build_model
from trainables.multilabel import AnyPredictions, MultiLabelPredictions
from trainables.posthoc import mc_dropout, run
from trainables.posthoc.temperature import apply_temperature, fit_temperature
from trainables.predict import one_pass, to_intensities
from trainables.spec import (
    SPLITS,
    FrozenHead,
    McDropout,
    ModelSpec,
    PaperCNN,
    SmallCNN,
    Split,
    SplitName,
    Synthetic,
    Timm,
    TrialSpec,
    has_dropout,
)

CLASSES = ("a", "b", "c")
TASK = McDropout(samples=5, seed=3)


@dataclass
class DroppingNetwork:
    """A `TrainedNetwork` of random weights on random images, a class or three labels each."""

    multilabel: bool = False
    model: ModelSpec = field(default_factory=lambda: SmallCNN(widths=(4, 8), dropout=0.5))
    split: Split = field(default_factory=Split)
    key: str = "network-0"
    classes: tuple[str, ...] = CLASSES

    @property
    def spec(self) -> TrialSpec:
        return TrialSpec(data=Synthetic(size=32), model=self.model, split=self.split)

    def classifier(self) -> Classifier:
        return build_model(self.model, classes=3, seed=0, size=32).eval()

    def images(self, split: SplitName) -> ImageSet:
        count, generator = 90, np.random.default_rng(SPLITS.index(split))
        targets = generator.integers(0, 3, count)
        labels = generator.integers(0, 2, (count, 3)).astype(np.float32)
        labels[::7, 0] = np.nan
        names = tuple(f"{split}/{n}" for n in range(count))
        return ImageSet(
            pixels=Rows(generator.integers(0, 256, (count, 32, 32), dtype=np.uint8)),
            targets=labels if self.multilabel else targets,
            splits=np.array([split] * count),
            image_ids=names,
            groups=names,
            classes=CLASSES,
            patients_known=True,
        )

    def predictions(self, split: SplitName) -> AnyPredictions:
        return one_pass(self.classifier(), self.images(split), split=split)[0]

    def studies(self, split: SplitName) -> tuple[str, ...] | None:
        return None

    def features(self, split: SplitName) -> Any:
        raise AssertionError("no task on members needs features")

    head = features


@pytest.fixture(params=[False, True], ids=["classes", "labels"])
def network(request: pytest.FixtureRequest) -> DroppingNetwork:
    return DroppingNetwork(multilabel=request.param)


def test_members_of_every_split_are_stored_and_their_pool_is_judged(network: DroppingNetwork) -> None:
    result = run(TASK, [network])
    for split in ("val", "calib", "test"):
        stored = result.predictions[split]
        pixels = torch.from_numpy(np.array(network.images(split).pixels[:]))
        logits = mc_dropout_logits(network.classifier(), to_intensities(pixels), samples=5, seed=3, batch_size=64)
        torch.testing.assert_close(stored.logits, logits)
        assert isinstance(stored, MultiLabelPredictions) == network.multilabel
        expected = evaluate(stored.pooled(), CLASSES)
        assert {name: result.metrics[f"{split}/{name}"] for name in expected} == expected
        for name, measure in (
            ("entropy", predictive_entropy),
            ("mutual_information", mutual_information),
            ("disagreement", disagreement),
        ):
            torch.testing.assert_close(result.tensors[f"{name}/{split}"], measure(stored))
        assert (result.tensors[f"mutual_information/{split}"] > 0).all()


def test_one_temperature_of_the_pool_is_fitted_on_calib(network: DroppingNetwork) -> None:
    result = run(TASK, [network])
    pooled = {split: result.predictions[split].pooled() for split in ("calib", "test")}
    fitted = fit_temperature(pooled["calib"])
    assert result.metrics["temperature/calib/temperature"] == fitted
    calibrated = apply_temperature(pooled["test"], fitted)
    torch.testing.assert_close(result.predictions["temperature/test"].logits, calibrated.logits)
    assert result.metrics["temperature/test/nll"] == evaluate(calibrated, CLASSES)["nll"]


def test_a_repetition_gives_the_same_numbers_and_another_seed_gives_others() -> None:
    network = DroppingNetwork()
    once, again, other = run(TASK, [network]), run(TASK, [network]), run(replace(TASK, seed=4), [network])
    assert once.metrics == again.metrics
    assert torch.equal(once.predictions["test"].logits, again.predictions["test"].logits)
    assert not torch.equal(once.predictions["test"].logits, other.predictions["test"].logits)


def test_without_calib_val_takes_its_place_and_a_remark_says_so() -> None:
    result = run(TASK, [DroppingNetwork(split=Split(calib=0.0))])
    assert "calib" not in result.predictions
    assert any("no calib split" in remark for remark in result.remarks)


def test_a_network_without_dropout_and_a_single_sample_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="network-0 has no dropout"):
        run(TASK, [DroppingNetwork(model=SmallCNN(widths=(4,)))])
    with pytest.raises(ValueError, match="samples is 1"):
        McDropout(samples=1)
    network = DroppingNetwork()
    monkeypatch.setattr(network, "images", lambda split: DroppingNetwork().images("train"))
    monkeypatch.setattr(network, "predictions", lambda split: DroppingNetwork().predictions("val"))
    with pytest.raises(ValueError, match="not the same in the same order"):
        mc_dropout.run(TASK, network)


MODELS: list[ModelSpec] = [
    SmallCNN(),
    SmallCNN(dropout=0.1),
    Timm(name="test_resnet"),
    Timm(name="test_resnet", dropout=0.2),
    Timm(name="test_vit", dropout=0.2),
    FrozenHead(backbone="test_resnet", pool=2),
    FrozenHead(backbone="test_resnet", pool=2, dropout=0.3),
    *(PaperCNN(name=name) for name in ("p0", "p1_small", "p1_large", "p4_shallow", "p4_deeper")),
    PaperCNN(name="p0", dropout=0.0),
    PaperCNN(name="p1_small", dropout=0.2),
    PaperCNN(name="p1_large", dropout=0.0),
]


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_description_tells_whether_its_network_drops_units(model: ModelSpec) -> None:
    from trainables.models.stochastic import dropouts

    assert has_dropout(model) == bool(dropouts(build_model(model, classes=3, seed=0, size=64)))
