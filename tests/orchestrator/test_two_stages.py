"""Paper P2's pipeline: cross entropy first, the full loss from the best weights of that."""

import multiprocessing
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from orchestrator.network import StoredNetwork
from orchestrator.storage.store import Store
from orchestrator.sweep.preparation import Preparation
from orchestrator.trial import TrialJob, TrialRun, stored_reports
from tests.orchestrator.test_trial import SPEC, finish
from trainables.data.prepare import DataSource
from trainables.fit import Training
from trainables.spec import (
    ClassDistinct,
    Optimizer,
    Schedule,
    Stage,
    TrialSpec,
    to_plain,
)

FIRST = Stage(optimizer=Optimizer(learning_rate=1e-2), schedule=Schedule(epochs=3, batch_size=16))
TWO = replace(
    SPEC,
    loss=ClassDistinct(lambda_cd=0.5),
    optimizer=Optimizer(learning_rate=3e-3),
    schedule=Schedule(epochs=2, batch_size=16),
    first_stage=FIRST,
)


def with_lambda(value: float) -> TrialSpec:
    return replace(TWO, loss=ClassDistinct(lambda_cd=value))


def job(storage: Path, spec: TrialSpec = TWO) -> TrialJob:
    keys = Preparation(Store(storage), DataSource()).keys(spec)
    return TrialJob(
        name="trial-0000",
        spec=to_plain(spec),
        key=keys.network,
        fit_key=keys.fit,
        data_key=keys.data,
        first_key=keys.first.network if keys.first else "",
        first_fit_key=keys.first.fit if keys.first else "",
        storage=str(storage),
    )


def weights(storage: Path, key: str) -> dict[str, Tensor]:
    return load_file(Store(storage).folder(key) / "weights.safetensors")


def attempts(storage: Path, chain: str) -> list[int]:
    """How often each epoch of a chain was begun."""
    store = Store(storage)
    return [len(list(store.attempts(step))) for step in store.steps(chain)]


def test_the_first_stage_is_the_network_of_a_trial_in_one_stage(tmp_path: Path) -> None:
    preparation = Preparation(Store(tmp_path), DataSource())
    one, other = preparation.keys(with_lambda(0.5)), preparation.keys(with_lambda(1.5))
    plain = preparation.keys(
        replace(TWO, loss=FIRST.loss, optimizer=FIRST.optimizer, schedule=FIRST.schedule, first_stage=None)
    )
    assert one.first == other.first == plain
    assert one.network != other.network
    longer = replace(FIRST, schedule=replace(FIRST.schedule, epochs=4))
    assert preparation.keys(replace(TWO, first_stage=longer)).network != one.network
    assert "first_stage" not in to_plain(SPEC)


def test_a_trial_trains_both_stages_and_says_where_the_first_one_is(tmp_path: Path) -> None:
    done = job(tmp_path)
    assert finish(TrialRun(done)) == [0, 0, 0, 1, 2]
    store = Store(tmp_path)
    first, second = StoredNetwork(store, done.first_key), StoredNetwork(store, done.key)
    assert second.meta["first_stage"] == done.first_key
    assert "first_stage" not in first.meta
    assert second.spec == TWO
    assert first.spec == TWO.first_trial
    assert [report.epoch for report in stored_reports(store, done.first_fit_key)] == [1, 2, 3]
    assert [report.epoch for report in stored_reports(store, done.fit_key)] == [1, 2]


@pytest.mark.parametrize("average_decay", [None, 0.5])
def test_the_second_stage_begins_with_the_best_weights_of_the_first(
    tmp_path: Path, average_decay: float | None
) -> None:
    still = Optimizer(kind="sgd", learning_rate=1e-30, weight_decay=0.0)
    spec = replace(TWO, optimizer=still, schedule=Schedule(epochs=1, batch_size=16, average_decay=average_decay))
    done = job(tmp_path, spec)
    finish(TrialRun(done))
    first, second = weights(tmp_path, done.first_key), weights(tmp_path, done.key)
    learnt = [name for name in first if name.endswith(("weight", "bias"))]
    assert all(torch.equal(first[name], second[name]) for name in learnt)
    assert learnt


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4])
def test_a_kill_in_either_stage_changes_no_bit(tmp_path: Path, stop_after: int) -> None:
    calm, broken = job(tmp_path / "calm"), job(tmp_path / "broken")
    finish(TrialRun(calm))
    first = TrialRun(broken)
    for _ in range(stop_after):
        first.step()
    assert finish(TrialRun(broken)) == [0, 0, 0, 1, 2][stop_after:]
    for key in (calm.first_key, calm.key):
        one, other = weights(tmp_path / "calm", key), weights(tmp_path / "broken", key)
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert attempts(tmp_path / "broken", broken.first_fit_key) == [1, 1, 1]
    assert attempts(tmp_path / "broken", broken.fit_key) == [1, 1]


def test_trials_that_differ_in_the_second_stage_train_the_first_one_once(tmp_path: Path) -> None:
    jobs = [job(tmp_path, with_lambda(value)) for value in (0.0, 0.5, 1.5)]
    runs = [TrialRun(each) for each in jobs]
    open_runs = list(runs)
    while open_runs:  # an epoch each in turn, as the inline executor does it
        open_runs = [run for run in open_runs if not run.step().finished]
    assert attempts(tmp_path, jobs[0].first_fit_key) == [1, 1, 1]
    assert len({each.key for each in jobs}) == 3
    alone = job(tmp_path / "alone", with_lambda(1.5))
    finish(TrialRun(alone))
    one, other = weights(tmp_path, jobs[2].key), weights(tmp_path / "alone", alone.key)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_network_of_an_ordinary_trial_serves_as_first_stage(tmp_path: Path) -> None:
    assert TWO.first_trial is not None
    finish(TrialRun(job(tmp_path, TWO.first_trial)))
    assert finish(TrialRun(job(tmp_path))) == [1, 2]


def test_a_second_stage_that_has_begun_needs_the_first_one_no_more(tmp_path: Path) -> None:
    done = job(tmp_path)
    run = TrialRun(done)
    for _ in range(4):
        run.step()
    Store(tmp_path).delete(done.first_key)
    Store(tmp_path).delete(done.first_fit_key)
    assert finish(TrialRun(done)) == [2]


def test_a_first_stage_that_fails_says_so(tmp_path: Path) -> None:
    explosive = Stage(
        optimizer=Optimizer(kind="sgd", learning_rate=1e30), schedule=replace(FIRST.schedule, clip_norm=None)
    )
    with pytest.raises(RuntimeError, match=r"In the first stage: TrainingDiverged: .*epoch 1"):
        finish(TrialRun(job(tmp_path, replace(TWO, first_stage=explosive))))


def test_a_second_stage_without_weights_to_begin_with_is_refused(tmp_path: Path) -> None:
    done = job(tmp_path)
    run = TrialRun(done)
    training = Training(TWO, run._data())
    with pytest.raises(ValueError, match="begin_with"):
        training.run_epoch()


def test_the_second_stage_draws_other_random_numbers_than_the_first(tmp_path: Path) -> None:
    same = replace(TWO, loss=FIRST.loss, optimizer=FIRST.optimizer, schedule=FIRST.schedule)
    data = TrialRun(job(tmp_path))._data()
    assert same.first_trial is not None
    one, other = Training(same.first_trial, data), Training(same, data)
    other.begin_with({name: tensor.clone() for name, tensor in one.classifier.state_dict().items()})
    one.run_epoch()
    other.run_epoch()
    assert not torch.equal(one.classifier.head.weight, other.classifier.head.weight)


def _finish(plain: dict[str, object]) -> None:
    torch.set_num_threads(1)
    finish(TrialRun(TrialJob(**plain)))  # type: ignore[arg-type]


def test_workers_that_share_a_first_stage_compute_each_of_its_epochs_once(tmp_path: Path) -> None:
    jobs = [job(tmp_path, with_lambda(value)) for value in (0.5, 1.5)]
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_finish, args=(each.to_plain(),)) for each in jobs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert attempts(tmp_path, jobs[0].first_fit_key) == [1, 1, 1]
    assert len(list(Store(tmp_path).attempts(jobs[0].first_key))) == 1
    assert all(Store(tmp_path).exists(each.key) for each in jobs)


def test_a_worker_that_dies_in_the_first_stage_leaves_it_to_the_others(tmp_path: Path) -> None:
    longer = replace(FIRST, schedule=replace(FIRST.schedule, epochs=200, decay="constant"))
    broken = job(tmp_path / "broken", replace(TWO, first_stage=longer))
    worker = multiprocessing.get_context("spawn").Process(target=_finish, args=(broken.to_plain(),))
    worker.start()
    store = Store(tmp_path / "broken")
    while len(store.steps(broken.first_fit_key)) < 2:
        assert worker.is_alive()
        time.sleep(0.01)
    worker.kill()
    worker.join()
    assert not store.exists(broken.first_key)
    committed = len(store.steps(broken.first_fit_key))
    run = TrialRun(broken)
    assert [run.step().epoch for _ in range(3)] == [0, 0, 0]
    assert len(store.steps(broken.first_fit_key)) == committed + 3
    assert attempts(tmp_path / "broken", broken.first_fit_key)[:committed] == [1] * committed
