from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.trainables.models.tiny_images import tiny_images
from trainables.checkpoint import TrainingState
from trainables.data.images import ImageSet
from trainables.fit import Training
from trainables.losses import build_loss_for
from trainables.mimo import draw_slots, each_member, mix
from trainables.models import Classifier, build_model
from trainables.predict import one_pass
from trainables.spec import (
    AucMargin,
    Augmentation,
    CrossEntropy,
    Focal,
    LossSpec,
    Mimo,
    Optimizer,
    Schedule,
    Stage,
    Synthetic,
    Timm,
    TrialSpec,
    WeightedCrossEntropy,
)

MODEL = Mimo(name="test_resnet", members=3, dropout=0.2, input_repetition=0.25, batch_repetition=2)
SPEC = TrialSpec(
    data=Synthetic(images=16, size=32),
    model=MODEL,
    optimizer=Optimizer(learning_rate=3e-3),
    schedule=Schedule(epochs=2, batch_size=4),
    augmentation=Augmentation(shift=0.1, flip=True),
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def multilabel_images() -> ImageSet:
    images = tiny_images()
    targets = torch.randint(0, 2, (16, 3), generator=generator()).float()
    targets[::5, 1] = torch.nan
    return replace(images, targets=targets.numpy())


def test_slots_are_those_of_a_literal_loop() -> None:
    shown = draw_slots(5, MODEL, generator(7))
    source, slots = generator(7), 10
    first = [int(n) % 5 for n in torch.randperm(slots, generator=source)]
    rows = [first]
    for _ in range(2):
        order = torch.randperm(8, generator=source).tolist()  # round(0.25 * 10) = 2 slots are left as they are
        rows.append([first[order[slot]] if slot < 8 else first[slot] for slot in range(slots)])
    assert shown.tolist() == rows


@pytest.mark.parametrize(("rho", "batch_repetition"), [(0.0, 1), (0.5, 1), (1.0, 3), (0.3, 2)])
def test_every_input_shows_each_image_equally_often_and_a_share_of_slots_is_equal(
    rho: float, batch_repetition: int
) -> None:
    spec = replace(MODEL, input_repetition=rho, batch_repetition=batch_repetition)
    shown = draw_slots(8, spec, generator())
    slots = 8 * batch_repetition
    assert shown.shape == (3, slots)
    for row in shown:
        assert torch.bincount(row, minlength=8).tolist() == [batch_repetition] * 8
    equal = round(rho * slots)
    assert (shown[:, slots - equal :] == shown[0, slots - equal :]).all()
    assert rho == 1.0 or not (shown == shown[0]).all()


def test_a_batch_holds_the_image_of_every_input_and_its_own_target() -> None:
    images = torch.arange(4.0)[:, None, None, None].expand(4, 1, 2, 2)
    mixed, targets = mix(images, torch.arange(4) * 10, MODEL, generator())
    assert mixed.shape == (8, 3, 2, 2)
    for member, rows in enumerate(targets.reshape(3, 8)):
        for slot, target in enumerate(rows):
            assert (mixed[slot, member] * 10 == target).all()


@pytest.mark.parametrize("loss", [CrossEntropy(), WeightedCrossEntropy(), Focal(gamma=2.0), AucMargin()])
@pytest.mark.parametrize("labels", [False, True])
def test_the_loss_is_the_mean_over_heads_of_the_loss_of_each(loss: LossSpec, labels: bool) -> None:
    truth = torch.from_numpy((multilabel_images() if labels else tiny_images()).targets)[:6]
    of_batch = build_loss_for(loss, truth, 3)
    classifier = build_model(MODEL, classes=3, seed=0).eval()
    images = torch.rand(6, 1, 32, 32, generator=generator())
    mixed, targets = mix(images, truth, MODEL, generator())
    value, logits = of_batch(each_member(classifier), mixed, targets)
    assert logits.shape == (36, 3)
    wide = classifier.head(classifier.features(mixed))
    heads = []
    for member in range(3):
        alone = Planted(wide[:, 3 * member : 3 * member + 3])
        heads.append(of_batch(alone, mixed, targets.unflatten(0, (3, 12))[member])[0])  # type: ignore[arg-type]
    assert torch.allclose(value, torch.stack(heads).mean(), atol=1e-6)


class Planted(nn.Module):
    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> Tensor:
        return self.logits


@pytest.mark.parametrize("images", [tiny_images(), multilabel_images()], ids=["classes", "labels"])
def test_one_member_is_trained_like_the_plain_network_bit_for_bit(images: ImageSet) -> None:
    short = replace(SPEC, schedule=Schedule(epochs=1, batch_size=4))
    mimo = Training(replace(short, model=Mimo(name="test_resnet", members=1, dropout=0.2)), images)
    plain = Training(replace(short, model=Timm(name="test_resnet", dropout=0.2)), images)
    assert mimo.run_epoch().metrics == plain.run_epoch().metrics
    one, other = (one_pass(each.evaluated, images.part("val"), split="val")[0] for each in (mimo, plain))
    assert one.logits.shape == (1, 4, 3)
    assert torch.equal(one.logits, other.logits)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_that_was_continued_has_the_same_weights_and_its_members_differ(precision: str, tmp_path: Path) -> None:
    schedule = Schedule(epochs=2, batch_size=4, accumulate=2, average_decay=0.9, precision=precision)  # type: ignore[arg-type]
    spec = replace(SPEC, schedule=schedule)
    whole = Training(spec, tiny_images())
    whole.run_epoch()
    whole.state().save(tmp_path)
    told = whole.run_epoch().metrics
    torch.manual_seed(12345)
    second = Training(spec, tiny_images())
    second.load(TrainingState.load(tmp_path))
    assert second.run_epoch().metrics == told
    for name, tensor in whole.classifier.state_dict().items():
        assert torch.equal(tensor, second.classifier.state_dict()[name]), name
    logits = one_pass(second.evaluated, tiny_images().part("val"), split="val")[0].logits
    assert logits.shape == (3, 4, 3)
    assert not torch.allclose(logits[0], logits[1])


def test_a_second_stage_begins_with_the_weights_of_the_first() -> None:
    spec = replace(SPEC, first_stage=Stage(schedule=Schedule(epochs=1, batch_size=4)), loss=Focal())
    assert spec.first_trial is not None
    first = Training(spec.first_trial, multilabel_images())
    first.run_epoch()
    second = Training(spec, multilabel_images())
    second.begin_with(first.state().weights)
    assert second.run_epoch().metrics["train/loss"] > 0


def test_a_mimo_network_learns_16_images_by_heart() -> None:
    images = tiny_images(count=32)
    model = Mimo(name="test_resnet", members=2, input_repetition=0.5, batch_repetition=2)
    schedule = Schedule(epochs=40, batch_size=16, decay="constant")
    training = Training(replace(SPEC, model=model, schedule=schedule, augmentation=Augmentation()), images)
    for _ in range(40):
        training._learn()
        training.epoch += 1
    predictions = one_pass(training.classifier, images.part("train"), split="train")[0]
    assert predictions.pooled_log_probs().argmax(1).tolist() == images.part("train").targets.tolist()


def test_an_image_passes_the_network_once_whatever_the_number_of_members() -> None:
    classifier: Classifier = build_model(MODEL, classes=3, seed=0)
    seen: list[int] = []
    classifier.backbone.register_forward_hook(lambda module, given, result: seen.append(len(result)))
    predictions, features = one_pass(classifier, tiny_images(), split="val", batch_size=6)
    assert seen == [6, 6, 4]
    assert predictions.logits.shape == (3, 16, 3)
    assert len(features) == 16
