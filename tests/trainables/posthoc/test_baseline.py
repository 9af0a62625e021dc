import numpy as np
import pytest
import torch

from trainables.data.images import ImageSet
from trainables.posthoc.baseline import reduced, run
from trainables.spec import PixelBaseline


def bright_places(classes: int, count: int = 240, side: int = 8, noise: int = 60) -> ImageSet:
    """A class is a bright pixel at a place of its own: linear by construction."""
    generator = np.random.default_rng(0)
    targets = generator.integers(0, classes, count)
    pixels = generator.integers(0, noise, (count, side, side))
    pixels[np.arange(count), targets, targets] += 120
    return ImageSet(
        pixels=pixels.astype(np.uint8),
        targets=targets,
        splits=np.array((["train"] * 5 + ["val"] * 2 + ["calib"] + ["test"] * 2) * (count // 10)),
        image_ids=tuple(map(str, range(count))),
        groups=tuple(map(str, range(count))),
        classes=tuple(f"class {n}" for n in range(classes)),
        patients_known=True,
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_what_is_linear_is_learnt(classes: int) -> None:
    result = run(PixelBaseline(), bright_places(classes))
    assert (result.metrics["test/accuracy"] or 0) > 0.95
    assert set(result.predictions) == {"val", "calib", "test"}


def test_what_is_noise_stays_at_chance() -> None:
    images = bright_places(3, count=600, noise=256)
    shuffled = np.random.default_rng(1).permutation(images.targets)
    images = ImageSet(**{**vars(images), "targets": shuffled})
    accuracy = run(PixelBaseline(), images).metrics["test/accuracy"]
    assert accuracy is not None
    assert abs(accuracy - 1 / 3) < 0.15


def test_its_logits_are_those_of_logistic_regression_on_standardised_pixels() -> None:
    from sklearn.linear_model import LogisticRegression

    images = bright_places(3)
    result = run(PixelBaseline(), images)
    flat = images.pixels[:].reshape(len(images), -1) / 255.0
    train = images.splits == "train"
    flat = (flat - flat[train].mean(0)) / (flat[train].std(0) + 1e-6)
    strength = result.metrics["val/inverse_penalty"]
    model = LogisticRegression(C=strength, max_iter=200).fit(flat[train], images.targets[train])
    wanted = torch.from_numpy(model.predict_log_proba(flat[images.splits == "test"]))
    torch.testing.assert_close(result.predictions["test"].log_probs()[0], wanted, atol=1e-3, rtol=1e-3)


def test_images_are_reduced_by_area() -> None:
    pixels = np.arange(16, dtype=np.uint8).reshape(1, 4, 4) * 10
    assert reduced(pixels, 2)[0] * 255 == pytest.approx([25, 45, 105, 125])
    assert reduced(pixels, 64).shape == (1, 16)


def test_every_label_gets_a_regression_of_its_own_on_the_images_where_it_is_known() -> None:
    from sklearn.linear_model import LogisticRegression

    single = bright_places(3)
    targets = np.eye(3, dtype=np.float32)[single.targets]
    targets[::7, 1] = np.nan
    images = ImageSet(**{**vars(single), "targets": targets})
    result = run(PixelBaseline(), images)
    assert (result.metrics["test/accuracy"] or 0) > 0.9
    flat = images.pixels[:].reshape(len(images), -1) / 255.0
    train = images.splits == "train"
    flat = (flat - flat[train].mean(0)) / (flat[train].std(0) + 1e-6)
    known = train & ~np.isnan(targets[:, 1])
    strength = result.metrics["val/inverse_penalty"]
    model = LogisticRegression(C=strength, max_iter=200).fit(flat[known], targets[known, 1])
    wanted = torch.from_numpy(model.decision_function(flat[images.splits == "test"]))
    torch.testing.assert_close(result.predictions["test"].logits[0, :, 1], wanted, atol=1e-3, rtol=1e-3)


def test_a_label_without_both_outcomes_in_train_keeps_its_frequency_and_is_told_of() -> None:
    single = bright_places(3)
    targets = np.eye(3, dtype=np.float32)[single.targets]
    targets[single.splits == "train", 2] = 0.0
    result = run(PixelBaseline(), ImageSet(**{**vars(single), "targets": targets}))
    logits = result.predictions["test"].logits[0, :, 2]
    assert float(logits.min()) == float(logits.max()) == pytest.approx(np.log(0.5 / 120.5))
    assert "class 2" in result.remarks[0]
