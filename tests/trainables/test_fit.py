import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from trainables.checkpoint import TrainingState
from trainables.data.images import ImageSet
from trainables.fit import Training, TrainingDiverged
from trainables.models import Classifier
from trainables.spec import (
    Augmentation,
    ClassDistinct,
    CrossEntropy,
    Focal,
    LossSpec,
    Optimizer,
    Schedule,
    SmallCNN,
    Split,
    Synthetic,
    TrialSpec,
    WeightedCrossEntropy,
)

SPEC = TrialSpec(
    data=Synthetic(images=96, size=32),
    model=SmallCNN(widths=(4, 8), dropout=0.3),
    optimizer=Optimizer(learning_rate=3e-3),
    schedule=Schedule(epochs=4, batch_size=16),
    augmentation=Augmentation(shift=0.1, rotate_degrees=5, contrast=0.2, flip=True),
)


def easy_images(count: int = 96, size: int = 32) -> ImageSet:
    """Two classes that differ by a bright left or right half."""
    generator = np.random.default_rng(0)
    targets = np.arange(count, dtype=np.int64) % 2
    pixels = generator.integers(0, 120, (count, size, size)).astype(np.uint8)
    for row, target in enumerate(targets):
        half = slice(None, size // 2) if target else slice(size // 2, None)
        pixels[row, :, half] += 100
    splits = np.array(
        (["train"] * 4 + ["val"] * 2 + ["calib", "calib", "test", "test"] + ["train"] * 2) * (count // 12)
    )
    return ImageSet(
        pixels=pixels,
        targets=targets,
        splits=splits,
        image_ids=tuple(f"image-{n}" for n in range(count)),
        groups=tuple(f"patient-{n}" for n in range(count)),
        classes=("left", "right"),
        patients_known=True,
    )


def run(training: Training, epochs: int) -> list[float]:
    return [training.run_epoch().metrics["val/nll"] for _ in range(epochs)]


@pytest.mark.parametrize("decay", [None, 0.9])
@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_a_run_that_was_stopped_and_continued_has_the_same_weights_bit_for_bit(
    kind: str, decay: float | None, tmp_path: Path
) -> None:
    schedule = replace(SPEC.schedule, average_decay=decay)
    spec = replace(SPEC, optimizer=Optimizer(kind=kind, learning_rate=3e-3), schedule=schedule)  # type: ignore[arg-type]
    whole = Training(spec, easy_images())
    told = run(whole, 4)
    first = Training(spec, easy_images())
    run(first, 2)
    first.state().save(tmp_path)
    torch.manual_seed(12345)  # whatever else happens in the process must not matter
    second = Training(spec, easy_images())
    second.load(TrainingState.load(tmp_path))
    assert run(second, 2) == told[2:]
    for one, other in ((whole.classifier, second.classifier), (whole.evaluated, second.evaluated)):
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name
    assert (second.best_epoch, second.finished) == (whole.best_epoch, True)


def test_training_learns_an_easy_task() -> None:
    calm = {"augmentation": Augmentation(), "optimizer": Optimizer(learning_rate=2e-2)}
    training = Training(replace(SPEC, **calm, schedule=Schedule(epochs=25, batch_size=16)), easy_images())  # type: ignore[arg-type]
    for _ in range(25):
        report = training.run_epoch()
    assert report.metrics["val/accuracy"] > 0.95
    assert report.finished


def test_another_seed_gives_other_weights_from_the_first_step_on() -> None:
    one, other = Training(SPEC, easy_images()), Training(SPEC.with_seed(1), easy_images())
    before = one.classifier.head.weight.clone()
    assert not torch.equal(before, other.classifier.head.weight)
    one.run_epoch()
    other.run_epoch()
    assert not torch.equal(one.classifier.head.weight, other.classifier.head.weight)


def test_a_loss_that_is_not_finite_names_the_step_and_the_images() -> None:
    training = Training(SPEC, easy_images())
    with torch.no_grad():
        training.classifier.head.weight.fill_(math.inf)
    with pytest.raises(TrainingDiverged, match=r"epoch 1, step 1.*image-\d+"):
        training.run_epoch()


def test_patience_ends_training_by_itself() -> None:
    spec = replace(SPEC, optimizer=Optimizer(learning_rate=1e-12), schedule=Schedule(epochs=50, patience=2))
    training = Training(spec, easy_images())
    epochs = 0
    while not training.finished:
        training.run_epoch()
        epochs += 1
    assert epochs == training.best_epoch + 2
    assert epochs < 50


def test_the_best_epoch_follows_the_named_metric_in_its_direction() -> None:
    schedule = Schedule(epochs=5, best_metric="val/accuracy", best_mode="max", batch_size=16)
    training = Training(replace(SPEC, schedule=schedule), easy_images())
    reports = [training.run_epoch() for _ in range(5)]
    accuracies = [report.metrics["val/accuracy"] for report in reports]
    assert training.best_epoch == accuracies.index(max(accuracies)) + 1


def test_an_unknown_best_metric_is_refused_with_the_names_there_are() -> None:
    training = Training(replace(SPEC, schedule=Schedule(epochs=1, best_metric="val/acuracy")), easy_images())
    with pytest.raises(ValueError, match="val/accuracy"):
        training.run_epoch()


def test_a_data_set_without_calib_watches_val_in_its_place() -> None:
    images = easy_images()
    images.splits[images.splits == "calib"] = "test"
    spec = replace(SPEC, split=Split(calib=0.0))
    assert "temperature/val/nll" in Training(spec, images).run_epoch().metrics


def test_the_average_is_what_a_slow_loop_averages() -> None:
    training = Training(replace(SPEC, schedule=Schedule(epochs=1, batch_size=48, average_decay=0.5)), easy_images())
    assert training.average is not None
    seen: list[torch.Tensor] = [training.classifier.head.weight.detach().clone()]
    update = training.average.update

    def watched(classifier: Classifier) -> None:
        seen.append(classifier.head.weight.detach().clone())
        update(classifier)

    training.average.update = watched  # type: ignore[method-assign]
    training.run_epoch()
    wanted = seen[0]
    for step, weight in enumerate(seen[1:], start=1):
        decay = min(0.5, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * weight
    assert len(seen) > 1
    torch.testing.assert_close(training.evaluated.head.weight, wanted)


def test_bfloat16_trains_to_finite_numbers() -> None:
    spec = replace(SPEC, schedule=Schedule(epochs=1, batch_size=16, precision="bfloat16"))
    assert math.isfinite(Training(spec, easy_images()).run_epoch().metrics["train/loss"])


def labelled_images() -> ImageSet:
    """Three labels: a bright left half, a bright upper half, and one that nobody knows; some of the truth is left out."""
    plain = easy_images()
    pixels, present = (
        np.array(plain.pixels[:]) // 2,
        np.random.default_rng(1).integers(0, 2, (96, 3)).astype(np.float32),
    )
    pixels[:, :, :16] += (120 * present[:, :1, None]).astype(np.uint8)
    pixels[:, 16:] = pixels[:, 16:] // 2 + (40 * present[:, 1:2, None]).astype(np.uint8)
    present[::5, 0] = present[:, 2] = np.nan
    return replace(plain, pixels=pixels, targets=present, classes=("left", "upper", "unknown"))


@pytest.mark.parametrize(
    "loss", [CrossEntropy(), WeightedCrossEntropy(), Focal(), ClassDistinct(lambda_cd=0.5)], ids=lambda each: each.kind
)
def test_labels_that_do_not_exclude_each_other_are_learnt_and_watched(loss: LossSpec) -> None:
    spec = replace(
        SPEC,
        loss=loss,
        model=SmallCNN(widths=(4, 8)),
        augmentation=Augmentation(),
        optimizer=Optimizer(learning_rate=2e-2),
        schedule=Schedule(epochs=8, batch_size=8, best_metric="val/auroc", best_mode="max"),
    )
    training = Training(spec, labelled_images())
    reports = [training.run_epoch() for _ in range(8)]
    metrics = reports[-1].metrics
    for name in ("accuracy", "macro_f1", "nll", "brier", "ece", "auroc"):
        assert math.isfinite(metrics[f"val/{name}"])
        assert math.isfinite(metrics[f"temperature/val/{name}"])
    assert metrics["val/auroc"] > 0.8
    assert metrics["train/accuracy"] > 0.75
    values = [report.metrics["val/auroc"] for report in reports]
    assert reports[-1].best_epoch == 1 + values.index(max(values))


def test_a_multilabel_training_continues_bit_for_bit(tmp_path: Path) -> None:
    spec = replace(SPEC, loss=WeightedCrossEntropy())
    whole, first = Training(spec, labelled_images()), Training(spec, labelled_images())
    told = run(whole, 4)
    run(first, 2)
    first.state().save(tmp_path)
    second = Training(spec, labelled_images())
    second.load(TrainingState.load(tmp_path))
    assert run(second, 2) == told[2:]


def test_a_best_metric_that_val_does_not_define_is_refused() -> None:
    images = labelled_images()
    images.targets[images.splits == "val"] = np.nan
    spec = replace(SPEC, schedule=replace(SPEC.schedule, best_metric="val/auroc", best_mode="max"))
    with pytest.raises(ValueError, match="does not measure on this val split"):
        Training(spec, images).run_epoch()
