from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.trainables.explain.networks import small_classifier, some_images
from tests.trainables.posthoc.test_aopc import Network, bright_bars
from trainables.data.images import ImageSet
from trainables.explain.covering import random_masks
from trainables.explain.methods import saliency_maps
from trainables.models import build_model
from trainables.multilabel import MultiLabelPredictions
from trainables.posthoc import run
from trainables.posthoc.explained import explained_classes, intensities
from trainables.posthoc.intervals import mean_intervals
from trainables.spec import SCORES, Aopc, AopcStability, ExplanationScores, Mimo, SplitName


@dataclass
class LabelNetwork(Network):
    """The same for labels."""

    def predictions(self, split: SplitName) -> MultiLabelPredictions:  # type: ignore[override]
        images = self.image_set
        with torch.no_grad():
            logits = self.network(intensities(images, np.arange(len(images))))[None]
        return MultiLabelPredictions(
            logits=logits, targets=torch.from_numpy(images.targets), image_ids=images.image_ids, split=split
        )


def labelled(count: int = 24) -> ImageSet:
    targets = np.random.default_rng(1).integers(0, 2, (count, 4)).astype(np.float32)
    targets[0, :] = np.nan
    return replace(bright_bars(count), targets=targets)


def centred(images: ImageSet, seed: int = 1) -> LabelNetwork:
    """A network whose labels are present in about half of the images."""
    classifier = small_classifier(pooling="dense", seed=seed)
    with torch.no_grad():
        logits = classifier(intensities(images, np.arange(len(images))))
        classifier.head.bias -= logits.mean(0) + 0.3
    return LabelNetwork(classifier, images)


def test_names_tell_conventions_apart_and_the_default_has_none() -> None:
    assert Aopc().name == Aopc(cells=8, noise=0.2).name == "aopc"
    tasks = [
        Aopc(explainer="lrp"),
        Aopc(order="least_relevant_first"),
        Aopc(perturbation="blur"),
        Aopc(output="logit"),
        Aopc(explainer="rise", order="least_relevant_first", perturbation="mean", output="logit"),
    ]
    names = ["aopc_lrp", "aopc_lerf", "aopc_blur", "aopc_logit", "aopc_rise_lerf_mean_logit"]
    assert [task.name for task in tasks] == names
    with pytest.raises(ValueError, match="adds no noise"):
        Aopc(perturbation="mean", noise=0.3)


@pytest.mark.parametrize(
    "task",
    [
        Aopc(images=12, explainer="gradient", perturbation="neighbours"),
        Aopc(images=12, explainer="hires_cam", order="least_relevant_first", output="logit", cells=4),
    ],
    ids=lambda task: task.name,
)
def test_the_convention_stands_in_the_details(task: Aopc) -> None:
    result = run(task, [Network(small_classifier(seed=5), bright_bars())])
    convention = result.details["convention"]
    assert convention["explainer"] == task.explainer
    assert convention["order"] == task.order
    assert ("noise" in convention) == (task.perturbation == "noise")
    assert convention["output"] == ("logit" if task.output == "logit" else "softmax")
    assert result.details["resampled"] == "images"
    assert result.metrics["test/aopc"] is not None


def test_a_method_that_a_network_has_not_is_refused_before_any_work() -> None:
    with pytest.raises(ValueError, match="cam cannot explain this network"):
        run(Aopc(explainer="cam"), [Network(small_classifier(pooling="dense"), bright_bars())])


def test_intervals_are_quantiles_of_resampled_means_of_groups() -> None:
    values, groups = torch.rand(40, 2, dtype=torch.float64), [f"patient{n // 2}" for n in range(40)]
    found = mean_intervals(values, groups)
    assert found is not None
    by_patient = values.reshape(20, 2, 2).mean(1).numpy()
    draws = np.random.default_rng(0).integers(0, 20, (4000, 20))
    means = by_patient[draws].mean(1)
    low, high = np.quantile(means, (0.025, 0.975), axis=0)
    assert found[0].numpy() == pytest.approx(low, abs=0.02)
    assert found[1].numpy() == pytest.approx(high, abs=0.02)
    assert mean_intervals(values, ["a"] * 40) is None


def test_intervals_of_curves_and_numbers_lie_around_them_and_can_be_stored(tmp_path: Path) -> None:
    classifier = small_classifier(seed=5)
    with torch.no_grad():
        classifier.head.weight.zero_()
        classifier.head.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 1.0]))
        classifier.head.weight[3] = 0.1
    result = run(Aopc(noise=0.4), [Network(classifier, bright_bars(48))])
    assert result.tensors["rows"].shape == (12,)
    save_file(dict(result.tensors), tmp_path / "tensors.safetensors")
    for name in ("curve", "random_curve", "aopc_by_step", "random_aopc_by_step"):
        low, mid, high = (result.tensors[f"{name}{end}"] for end in ("/low", "", "/high"))
        assert low.shape == high.shape == (17,)
        assert (low - 1e-6 <= mid).all()
        assert (mid <= high + 1e-6).all()
    for name in ("aopc", "aopc_random", "aopc_gain"):
        low, mid, high = (result.metrics[f"test/{name}{end}"] for end in ("/low", "", "/high"))
        assert low <= mid <= high


def test_of_labels_the_most_probable_predicted_one_is_explained_where_it_is_present() -> None:
    logits = torch.tensor([[[2.0, 3.0], [1.0, -1.0], [-1.0, -2.0], [0.5, 0.1]]])
    targets = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 1.0], [float("nan"), 1.0]])
    given = MultiLabelPredictions(logits=logits, targets=targets, image_ids=("a", "b", "c", "d"), split="test")
    classes, predicted, correct = explained_classes(given)
    assert classes.tolist() == [1, 0, 0, 0]
    assert predicted.tolist() == [True, True, False, True]
    assert correct.tolist() == [False, True, False, False]


def test_aopc_of_labels_follows_the_sigmoid_and_says_what_was_left_out() -> None:
    network = centred(labelled())
    result = run(Aopc(images=5), [network])
    rows = result.tensors["rows"]
    predictions = network.predictions("test")
    top, label = torch.sigmoid(predictions.logits[0]).max(1)
    assert (top[rows] > 0.5).all()
    assert (predictions.targets[rows, label[rows]] == 1).all()
    assert result.tensors["curve"][0].item() == pytest.approx(top[rows].mean().item(), abs=1e-5)
    assert result.details["convention"]["output"] == "sigmoid of a label"
    silent = int((top <= 0.5).sum())
    assert any(f"present in {silent} of 24 images" in remark for remark in result.remarks)
    shown = result.tensors["gallery/rows"]
    assert (top[shown] > 0.5).all()
    truth = predictions.targets[shown, result.tensors["gallery/targets"]]
    assert (truth == 1).all()


def test_every_task_runs_on_a_network_of_several_heads() -> None:
    network = build_model(Mimo(name="test_resnet", members=2), classes=4, seed=0, size=32).eval()
    for task in (Aopc(images=2, cells=2, output="logit"), ExplanationScores(images=2, scores=("infidelity",))):
        assert run(task, [Network(network, bright_bars(8, masks=False))]).metrics


def test_stability_has_every_variant_on_the_same_images_and_agrees_with_aopc() -> None:
    network = Network(small_classifier(seed=5), bright_bars())
    task = AopcStability(images=4, cells=(2, 4), noises=(0.1, 0.4))
    result = run(task, [network])
    assert len(task.variants) == 12
    assert {each.name for each in task.variants} >= {"noise_0.4_cells_2", "neighbours_cells_4"}
    assert len(result.metrics) == 12 * 5
    one = run(Aopc(images=4, cells=4), [network])
    assert torch.equal(one.tensors["rows"], result.tensors["rows"])
    for name in ("aopc", "aopc_gain", "aopc_random"):
        assert result.metrics[f"noise_0.1_cells_4/test/{name}"] == pytest.approx(one.metrics[f"test/{name}"])
    with pytest.raises(ValueError, match="stand in noises"):
        AopcStability(perturbations=("noise",))


@pytest.mark.parametrize("labels", [False, True])
def test_all_scores_of_a_network_are_numbers_and_can_be_stored(labels: bool, tmp_path: Path) -> None:
    network = centred(labelled()) if labels else Network(small_classifier(seed=5), bright_bars())
    task = ExplanationScores(images=3, cells=4)
    result = run(task, [network])
    wanted = {
        *("road_most", "road_least", "road_gap", "deletion_auc", "insertion_auc", "comprehensiveness", "sufficiency"),
        *("max_sensitivity", "infidelity", "infidelity_share", "randomisation", "randomisation_mean", "sparseness"),
    }
    means = {name for name in result.metrics if not name.endswith(("/low", "/high"))}
    assert means == {f"test/{name}" for name in (*wanted, "haas")}
    assert all(result.metrics[f"test/{name}"] is not None for name in wanted)
    assert {f"{name}_per_image" for name in wanted} <= set(result.tensors)
    assert set(result.seconds) == {"maps", *SCORES}
    save_file(dict(result.tensors), tmp_path / "tensors.safetensors")
    again = run(replace(task, scores=("road", "max_sensitivity")), [network])
    assert {name: result.metrics[name] for name in again.metrics} == again.metrics


def test_without_a_correct_image_there_are_no_scores() -> None:
    images = bright_bars()
    images = images.take(np.flatnonzero(images.targets < 3))
    classifier = small_classifier()
    with torch.no_grad():
        classifier.head.weight.zero_()
        classifier.head.bias.copy_(torch.tensor([0.0, 1.0, 2.0, 9.0]))
    for task in (ExplanationScores(), AopcStability(cells=(2,))):
        result = run(task, [Network(classifier, images)])
        assert not any(value is not None for value in result.metrics.values())
        assert "no image of test correctly" in result.remarks[-1]
        told = run(replace(task, images=2), [Network(classifier, bright_bars())]).remarks
        assert told == ("2 of 2 maps are constant, so that their parts were ranked by number.",)


def test_rise_of_labels_is_weighted_by_the_sigmoid_of_each_label_alone() -> None:
    classifier = small_classifier(seed=2).requires_grad_(False)
    images, classes = some_images(2), torch.tensor([1, 3])
    masks = random_masks(32, 32, seed=0)
    wanted = torch.zeros(2, 32, 32)
    for mask in masks:
        weight = torch.sigmoid(classifier(images * mask)).gather(1, classes[:, None])
        wanted += weight[:, :, None] * mask
    found = saliency_maps(classifier, images, classes, "rise", of_labels=True)
    torch.testing.assert_close(found, wanted / masks.sum(0), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, saliency_maps(classifier, images, classes, "rise"), rtol=1e-3)
