import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.trainables.test_fit import SPEC, easy_images, run
from trainables import fit
from trainables.checkpoint import TrainingState
from trainables.fit import Training
from trainables.optimization import Plateau, build_scaler, learning_rate, load_scaler, scaler_progress, steps_of
from trainables.spec import (
    Augmentation,
    ClassDistinct,
    CrossEntropy,
    LossSpec,
    Optimizer,
    PlateauDecay,
    Schedule,
    StepDecay,
    TrialSpec,
)


def test_the_cosine_starts_at_the_rate_ends_at_zero_and_warms_up() -> None:
    spec = replace(SPEC, schedule=Schedule(epochs=10, warmup_epochs=2), optimizer=Optimizer(learning_rate=0.1))
    assert learning_rate(spec, 0.0) < 0.001
    assert learning_rate(spec, 2.0) == pytest.approx(0.1)
    assert learning_rate(spec, 6.0) == pytest.approx(0.05)
    assert learning_rate(spec, 10.0) == pytest.approx(0.0, abs=1e-9)


def test_the_steps_are_those_of_torch() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    oracle = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
    schedule = Schedule(epochs=10, decay=StepDecay(factor=0.5, every_epochs=3))
    spec = replace(SPEC, schedule=schedule, optimizer=Optimizer(learning_rate=0.1))
    for epoch in range(10):
        assert learning_rate(spec, epoch + 0.5) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        oracle.step()


@pytest.mark.parametrize("decay", [StepDecay(every_epochs=3), PlateauDecay()])
def test_every_decay_begins_after_the_warm_up(decay: StepDecay | PlateauDecay) -> None:
    schedule = Schedule(epochs=10, warmup_epochs=2, decay=decay)
    spec = replace(SPEC, schedule=schedule, optimizer=Optimizer(learning_rate=0.1))
    assert learning_rate(spec, 1.0) == pytest.approx(0.05, rel=1e-2)
    assert learning_rate(spec, 4.9) == pytest.approx(0.1)
    assert learning_rate(spec, 5.0) == pytest.approx(0.01 if isinstance(decay, StepDecay) else 0.1)


@pytest.mark.parametrize("patience", [0, 1, 2])
def test_a_plateau_lowers_the_rate_as_torch_does(patience: int) -> None:
    values = [1.0, 0.9, 0.95, 0.9, 0.91, 0.8, 0.8, 0.8, 0.85, 0.8, 0.79, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    oracle = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=patience, threshold=0)
    schedule = Schedule(epochs=20, decay=PlateauDecay(factor=0.5, patience_epochs=patience))
    plateau, best = Plateau(), math.inf
    for epoch, value in enumerate(values, start=1):
        oracle.step(value)
        plateau.judge(schedule, epoch, improved=value < best)
        best = min(best, value)
        assert plateau.scale == optimizer.param_groups[0]["lr"]
    assert plateau.scale < 1


def test_epochs_of_the_warm_up_are_no_plateau() -> None:
    plateau = Plateau()
    schedule = Schedule(epochs=9, warmup_epochs=3, decay=PlateauDecay(patience_epochs=0))
    for epoch in (1, 2, 3):
        plateau.judge(schedule, epoch, improved=False)
    assert plateau == Plateau()
    plateau.judge(schedule, 4, improved=False)
    assert plateau.scale == pytest.approx(0.1)


def stuck(decay: PlateauDecay) -> TrialSpec:
    """A rate so small that accuracy stays where it is, so that the plateau is reached again and again."""
    schedule = Schedule(epochs=6, batch_size=16, decay=decay, best_metric="val/accuracy", best_mode="max")
    return replace(SPEC, schedule=schedule, optimizer=Optimizer(kind="sgd", learning_rate=1e-6))


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4])
def test_a_plateau_goes_on_where_it_was(stop_after: int, tmp_path: Path) -> None:
    spec = stuck(PlateauDecay(factor=0.5, patience_epochs=1))
    whole = Training(spec, easy_images())
    told = [whole.run_epoch().metrics for _ in range(6)]
    assert [each["train/learning_rate"] for each in told] == [1e-6, 1e-6, 1e-6, 5e-7, 5e-7, 2.5e-7]
    first, second = Training(spec, easy_images()), Training(spec, easy_images())
    run(first, stop_after)
    first.state().save(tmp_path)
    second.load(TrainingState.load(tmp_path))
    assert [second.run_epoch().metrics for _ in range(6 - stop_after)] == told[stop_after:]
    assert all(
        torch.equal(a, b) for a, b in zip(whole.classifier.parameters(), second.classifier.parameters(), strict=True)
    )


def test_a_state_of_before_there_were_plateaus_can_be_continued(tmp_path: Path) -> None:
    whole, first, second = (Training(SPEC, easy_images()) for _ in range(3))
    told = run(whole, 3)
    run(first, 2)
    state = first.state()
    old = ("epoch", "best_epoch", "best_value", "finished", "averaged_steps")
    second.load(replace(state, progress={name: state.progress[name] for name in old}))
    assert run(second, 1) == told[2:]


def without_batch_norm(training: Training) -> Training:
    """The same network with nothing in the place of batch norm."""
    blocks = training.classifier.backbone
    for place, block in enumerate(list(blocks)):
        if isinstance(block, nn.BatchNorm2d):
            blocks[place] = nn.Identity()
    training.optimizer = fit.build_optimizer(training.spec.optimizer, training.classifier)
    return training


@pytest.mark.parametrize("images", [96, 84])  # the last step has fewer images under 84
@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_gradients_that_are_added_up_are_those_of_the_large_batch(kind: str, images: int) -> None:
    model = replace(SPEC.model, dropout=0.0)
    spec = replace(
        SPEC,
        model=model,
        augmentation=Augmentation(),
        optimizer=Optimizer(kind=kind, learning_rate=1e-3),  # type: ignore[arg-type]
    )
    large = replace(spec, schedule=Schedule(epochs=3, batch_size=24, warmup_epochs=1))
    small = replace(spec, schedule=Schedule(epochs=3, batch_size=8, accumulate=3, warmup_epochs=1))
    one, other = (without_batch_norm(Training(each, easy_images(images))) for each in (large, small))
    for _ in range(3):
        reports = [training.run_epoch().metrics for training in (one, other)]
        assert reports[0]["train/loss"] == pytest.approx(reports[1]["train/loss"], abs=1e-6)
    for a, b in zip(one.classifier.parameters(), other.classifier.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)


def test_the_shares_of_a_step_add_up_to_one_and_no_batch_is_lost() -> None:
    batches = list(torch.split(torch.arange(23), 4))
    steps = list(steps_of(batches, 4))
    assert [[len(rows) for rows, _ in step] for step in steps] == [[4, 4, 4, 4], [4, 3]]
    assert [sum(share for _, share in step) for step in steps] == [1.0, 1.0]
    assert [share for step in steps_of(batches, 1) for _, share in step] == [1.0] * 6


def test_accumulated_training_continues_bit_for_bit(tmp_path: Path) -> None:
    spec = replace(SPEC, schedule=replace(SPEC.schedule, batch_size=8, accumulate=3, average_decay=0.9))
    whole, first, second = (Training(spec, easy_images()) for _ in range(3))
    told = run(whole, 4)
    run(first, 2)
    first.state().save(tmp_path)
    second.load(TrainingState.load(tmp_path))
    assert run(second, 2) == told[2:]


def test_float16_on_a_cpu_is_refused_with_the_way_out() -> None:
    spec = replace(SPEC, schedule=Schedule(epochs=1, precision="float16"))
    with pytest.raises(ValueError, match=r"trains on cpu.*'bfloat16' or 'float32'"):
        Training(spec, easy_images(), device=torch.device("cpu"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="float16 trains on CUDA devices")
def test_float16_trains_to_finite_numbers_and_stores_its_loss_scale(tmp_path: Path) -> None:
    spec = replace(SPEC, schedule=Schedule(epochs=2, batch_size=16, precision="float16"))
    training, second = Training(spec, easy_images()), Training(spec, easy_images())
    assert math.isfinite(training.run_epoch().metrics["train/loss"])
    training.state().save(tmp_path)
    second.load(TrainingState.load(tmp_path))
    assert second.scaler.state_dict() == training.scaler.state_dict()


def test_a_training_with_a_loss_scale_continues_bit_for_bit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The scale itself needs no CUDA device: here it grows every 3 steps and falls when gradients overflow."""

    def scaler(schedule: Schedule, device: torch.device) -> torch.amp.GradScaler:
        return torch.amp.GradScaler("cpu", init_scale=2.0**126, growth_interval=3)

    monkeypatch.setattr(fit, "build_scaler", scaler)
    whole, first, second = (Training(SPEC, easy_images()) for _ in range(3))
    told = run(whole, 4)
    run(first, 2)
    first.state().save(tmp_path)
    second.load(TrainingState.load(tmp_path))
    assert second.scaler.state_dict() == first.scaler.state_dict() != scaler(SPEC.schedule, whole.device).state_dict()
    assert run(second, 2) == told[2:]
    assert second.state().progress == whole.state().progress
    plain: dict[str, Tensor] = Training(SPEC, easy_images()).state().weights
    assert not all(torch.equal(plain[name], tensor) for name, tensor in whole.state().weights.items())


def test_without_float16_there_is_no_loss_scale() -> None:
    scaler = build_scaler(Schedule(precision="bfloat16"), torch.device("cpu"))
    assert scaler_progress(scaler) == {}
    load_scaler(scaler, {})


def compiled_spec(loss: LossSpec) -> TrialSpec:
    return replace(SPEC, loss=loss, schedule=Schedule(epochs=3, batch_size=18, compile=True, average_decay=0.9))


@pytest.mark.slow
@pytest.mark.parametrize("loss", [CrossEntropy(), ClassDistinct(lambda_cd=0.5)], ids=lambda each: each.kind)
def test_compiled_training_learns_what_the_uncompiled_one_learns_and_continues_bit_for_bit(
    loss: LossSpec, tmp_path: Path
) -> None:
    spec = compiled_spec(loss)
    whole = Training(spec, easy_images())
    told = run(whole, 3)
    plain = Training(replace(spec, schedule=replace(spec.schedule, compile=False)), easy_images())
    assert run(plain, 3) == pytest.approx(told, abs=1e-2)
    assert list(whole.state().weights) == list(plain.state().weights)
    first = Training(spec, easy_images())
    assert run(first, 2) == told[:2]
    first.state().save(tmp_path)
    second = Training(spec, easy_images())
    second.load(TrainingState.load(tmp_path))
    assert run(second, 1) == told[2:]
    for name, tensor in whole.state().weights.items():
        assert torch.equal(tensor, second.state().weights[name]), name


@pytest.mark.slow
def test_what_was_compiled_is_what_trains() -> None:
    training = Training(compiled_spec(CrossEntropy()), easy_images())
    graphs = torch._dynamo.utils.counters["stats"]
    before = graphs["unique_graphs"]
    training.run_epoch()
    assert training.learner.head is training.classifier.head
    assert graphs["unique_graphs"] - before == 2  # of the whole batches, and of the last one; none of evaluation
