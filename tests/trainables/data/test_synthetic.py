import hashlib
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F

from benchmarks.synthetic import images_per_second
from trainables.data.drawing.radiograph import draw_radiograph, patient_anatomy
from trainables.data.synthetic import (
    CLASSES,
    FINDINGS,
    MULTILABEL_PREVALENCE,
    Radiographs,
    synthesize,
    synthesize_many,
)

ROOT = Path(__file__).parents[3]
NOTHING = (False, False, False)


@pytest.fixture(scope="module")
def many() -> Radiographs:
    return synthesize_many(400, size=48, label_noise=0.2)


def with_and_without(index: int, finding: int, size: int = 64) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The change of every grey value that a finding makes, and the finding's mask."""
    shown = (finding == 0, finding == 1, finding == 2)
    ill, masks, _ = draw_radiograph(index, index // 4, shown, size=size, seed=0, marker=False)
    well, _, _ = draw_radiograph(index, index // 4, NOTHING, size=size, seed=0, marker=False)
    return ill.astype(int) - well.astype(int), masks[finding]


def test_an_image_does_not_depend_on_what_was_drawn_before_it(many: Radiographs) -> None:
    for index in (311, 5, 120, 5):
        alone = synthesize(index, size=48, label_noise=0.2)
        np.testing.assert_array_equal(alone.pixels, many.pixels[index])
        np.testing.assert_array_equal(alone.finding_masks, many.finding_masks[index])
        assert alone.label == many.labels[index]
        assert alone.patient == many.patients[index]


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import hashlib; from trainables.data.synthetic import synthesize_many; "
        "print(hashlib.sha256(synthesize_many(9, seed=3).pixels.tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == hashlib.sha256(synthesize_many(9, seed=3).pixels.tobytes()).hexdigest()


def test_seeds_and_indices_give_different_images() -> None:
    images = [synthesize(index, seed=seed).pixels.tobytes() for seed in (0, 1) for index in range(20)]
    assert len(set(images)) == 40


def test_every_32_images_the_classes_are_even_but_not_in_a_patient(many: Radiographs) -> None:
    blocks = many.true_labels[:384].reshape(12, 32)
    for label in range(len(CLASSES)):
        np.testing.assert_array_equal((blocks == label).sum(axis=1), 8)
    assert len({tuple(block) for block in blocks}) == 12, "each block has an order of its own"
    kinds = [len(set(patient)) for patient in many.true_labels.reshape(100, 4).tolist()]
    assert set(kinds) >= {2, 3, 4}


def test_findings_are_the_classes_after_normal() -> None:
    assert CLASSES[0] == "normal"
    assert CLASSES[1:] == FINDINGS


def test_only_the_finding_of_the_true_label_has_a_mask(many: Radiographs) -> None:
    has_mask = many.finding_masks.any(axis=(2, 3))
    expected = many.true_labels[:, None] == np.arange(1, 4)[None, :]
    np.testing.assert_array_equal(has_mask, expected)
    np.testing.assert_array_equal(many.findings, expected)
    np.testing.assert_array_equal(many.class_masks, many.finding_masks.any(axis=1))


def test_masks_lie_where_their_organ_is(many: Radiographs) -> None:
    def centres(finding: int) -> NDArray[np.floating[Any]]:
        masks = many.finding_masks[many.true_labels == finding + 1, finding]
        return np.array([np.argwhere(mask).mean(axis=0) / 48 for mask in masks])

    opacity, effusion, heart = centres(0), centres(1), centres(2)
    assert heart[:, 1].mean() > 0.51, "the heart points to the viewer's right"
    assert effusion[:, 0].mean() > heart[:, 0].mean() > opacity[:, 0].mean(), "fluid sinks, lesions are anywhere"
    for lungs in (opacity, effusion):
        left = (lungs[:, 1] < 0.5).mean()
        assert 0.3 < left < 0.7, "either lung is as likely"
    assert opacity.std(axis=0).min() > 0.1


@pytest.mark.parametrize("finding", range(3), ids=FINDINGS)
def test_a_finding_changes_the_picture_mostly_inside_its_mask(finding: int) -> None:
    for index in range(60):
        change, mask = with_and_without(index, finding)
        assert np.abs(change)[mask].sum() > 0.7 * np.abs(change).sum()
        assert change[mask].mean() > 8.0, "every finding is denser than what it replaces, and visibly so"
        assert 0.001 < mask.mean() < 0.25


def test_images_of_a_patient_share_anatomy_but_not_pose() -> None:
    images = [synthesize(index, images_per_patient=3) for index in range(9)]
    assert [image.patient for image in images] == ["p00000"] * 3 + ["p00001"] * 3 + ["p00002"] * 3
    assert patient_anatomy(0, 0) == patient_anatomy(0, 0)
    assert len({patient_anatomy(0, 0), patient_anatomy(0, 1), patient_anatomy(1, 0)}) == 3
    assert not np.array_equal(images[0].pixels, images[1].pixels)


def test_images_of_a_patient_resemble_each_other_in_exposure() -> None:
    pixels = synthesize_many(400, size=32).pixels.reshape(100, 4, -1).astype(float)
    brightness = np.median(pixels, axis=2)
    assert brightness.std(axis=1).mean() < 0.5 * brightness.mean(axis=1).std()


def test_label_noise_replaces_its_share_of_labels_and_nothing_else(many: Radiographs) -> None:
    clean = synthesize_many(400, size=48)
    np.testing.assert_array_equal(clean.labels, clean.true_labels)
    np.testing.assert_array_equal(clean.true_labels, many.true_labels)
    np.testing.assert_array_equal(clean.pixels, many.pixels)
    assert (many.labels != many.true_labels).mean() == pytest.approx(0.2, abs=0.05)
    wrong = many.labels != many.true_labels
    assert len(set(zip(many.true_labels[wrong], many.labels[wrong], strict=True))) == 12


def test_full_label_noise_leaves_no_label_right() -> None:
    noisy = synthesize_many(40, size=32, label_noise=1.0)
    assert not (noisy.labels == noisy.true_labels).any()


def test_the_marker_gives_opacity_away_in_training_only() -> None:
    def in_training(patient: str) -> bool:
        return int(patient[1:]) % 2 == 0

    data = synthesize_many(1200, size=32, shortcut=0.9, marker_follows_class=in_training)
    marked: NDArray[np.bool_] = np.logical_or.reduce(data.marker_masks, axis=(1, 2))
    opacity = data.findings[:, 0]
    training = np.array([in_training(patient) for patient in data.patients])
    agree = marked == opacity
    assert agree[training].mean() > 0.92
    assert abs(marked[~training & opacity].mean() - marked[~training & ~opacity].mean()) < 0.1
    assert marked[training].mean() == pytest.approx(marked[~training].mean(), abs=0.07)


def test_without_a_shortcut_there_is_no_marker(many: Radiographs) -> None:
    assert not many.marker_masks.any()
    assert not synthesize_many(40, size=32, marker_follows_class=True).marker_masks.any()


@pytest.mark.parametrize("size", [32, 64, 128])
def test_the_marker_changes_the_picture_inside_its_mask_alone(size: int) -> None:
    plain, _, _ = draw_radiograph(7, 1, NOTHING, size=size, seed=0, marker=False)
    marked, _, mask = draw_radiograph(7, 1, NOTHING, size=size, seed=0, marker=True)
    assert 0.003 < mask.mean() < 0.03
    np.testing.assert_array_equal(plain[~mask], marked[~mask])
    assert (marked[mask] == 255).mean() > 0.5
    assert np.argwhere(mask)[:, 0].min() > 0.75 * size


def test_the_side_letter_says_nothing_about_the_class() -> None:
    data = synthesize_many(800, size=32)
    top_left = data.pixels[:, :6, :10].max(axis=(1, 2)).astype(float)
    by_class = [top_left[data.true_labels == label].mean() for label in range(4)]
    assert np.ptp(by_class) < 0.3 * top_left.std()


def test_findings_of_the_multilabel_variant_are_independent() -> None:
    data = synthesize_many(800, size=32, multilabel=True)
    np.testing.assert_allclose(data.findings.mean(axis=0), MULTILABEL_PREVALENCE, atol=0.06)
    correlation = np.asarray(np.corrcoef(data.findings.T))
    assert np.abs(correlation[~np.eye(3, dtype=bool)]).max() < 0.12
    several = data.findings.sum(axis=1) > 1
    assert several.any()
    np.testing.assert_array_equal(data.finding_masks.any(axis=(2, 3)), data.findings)
    first = np.where(data.findings.any(axis=1), data.findings.argmax(axis=1) + 1, 0)
    np.testing.assert_array_equal(data.true_labels, first)


@pytest.mark.parametrize("size", [32, 33, 50, 100, 224])
def test_any_size_shows_the_same_thing(size: int) -> None:
    reference, image = synthesize(22, size=64), synthesize(22, size=size)
    assert image.pixels.shape == (size, size)
    assert image.pixels.dtype == np.uint8
    assert image.findings == reference.findings
    assert image.finding_masks.shape == (3, size, size)
    assert image.finding_masks.mean() == pytest.approx(reference.finding_masks.mean(), rel=0.15)
    assert image.pixels.mean() == pytest.approx(reference.pixels.mean(), abs=4)


def test_ids_name_the_index_and_are_unique(many: Radiographs) -> None:
    assert many.ids[12] == "synthetic/000012"
    assert len(set(many.ids)) == 400


def test_a_radiograph_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        synthesize(0).label = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"size": 31}, "size >= 32 pixels, got 31"),
        ({"seed": -1}, "index and seed >= 0, got 0 and -1"),
        ({"images_per_patient": 0}, "images_per_patient >= 1, got 0"),
        ({"label_noise": 1.5}, "label_noise between 0 and 1, got 1.5"),
        ({"shortcut": float("nan")}, "shortcut between 0 and 1, got nan"),
        ({"label_noise": 0.1, "multilabel": True}, "label_noise=0.1 with multilabel=True"),
    ],
)
def test_bad_options_are_refused_with_the_way_out(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        synthesize(0, **options)
    with pytest.raises(ValueError, match=says):
        synthesize_many(2, **options)


def test_a_negative_index_or_an_empty_stack_is_refused() -> None:
    with pytest.raises(ValueError, match="index and seed >= 0, got -1"):
        synthesize(-1)
    with pytest.raises(ValueError, match="count >= 1, got 0"):
        synthesize_many(0)


def test_a_core_draws_more_than_200_images_a_second_at_128_pixels() -> None:
    assert images_per_second(size=128, seconds=0.5) > 200


def small_cnn() -> nn.Module:
    layers: list[nn.Module] = []
    for channels, wider in ((1, 16), (16, 32), (32, 64), (64, 64)):
        layers += [nn.Conv2d(channels, wider, 3, padding=1, bias=False), nn.BatchNorm2d(wider)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, len(CLASSES)))


def cnn_accuracy(data: Radiographs, training: int, epochs: int = 8, batch: int = 32) -> float:
    """Accuracy on the images after the first ``training``; Adam at 3e-3 with a cosine, no augmentation."""
    images, labels = torch.tensor(data.pixels).float()[:, None], torch.tensor(data.labels)
    images = (images - images[:training].mean()) / images[:training].std()
    net = small_cnn()
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * (training // batch))
    for _ in range(epochs):
        for rows in torch.randperm(training)[: training // batch * batch].unfold(0, batch, batch):
            optimizer.zero_grad()
            torch.autograd.backward(F.cross_entropy(net(images[rows]), labels[rows]))
            optimizer.step()
            schedule.step()
    net.eval()
    with torch.no_grad():
        return float((net(images[training:]).argmax(1) == labels[training:]).float().mean())


def linear_accuracy(data: Radiographs, training: int) -> float:
    """The best accuracy over three strengths of L2: the linear model gets the benefit of the doubt."""
    rows = data.pixels.reshape(len(data.labels), -1).astype(float)
    rows = StandardScaler().fit(rows[:training]).transform(rows)
    return max(
        float(
            LogisticRegression(C=strength, max_iter=100)
            .fit(rows[:training], data.labels[:training])
            .score(rows[training:], data.labels[training:])
        )
        for strength in (1e-4, 1e-3, 1e-2)
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_a_small_cnn_beats_a_linear_model_by_15_points_without_being_perfect(seed: int) -> None:
    torch.manual_seed(seed)
    data = synthesize_many(1600, seed=seed)
    training = 960
    assert data.patients[training - 1] != data.patients[training], "the held-out patients are new ones"
    cnn, linear = cnn_accuracy(data, training), linear_accuracy(data, training)
    assert 0.75 < cnn < 0.97
    assert cnn > linear + 0.15
