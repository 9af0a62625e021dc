from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch

from tests.trainables.test_fit import SPEC, easy_images
from trainables.data.images import ImageSet
from trainables.epoch_report import epoch_seed
from trainables.fit import Training, _batches
from trainables.sampling import balancing_weights, draw_rows
from trainables.spec import Sampling, TrialSpec, canonical_json, from_plain, to_plain

TARGETS = np.array([0] * 60 + [1] * 30 + [3] * 10)  # nobody has class 2


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def counts(rows: torch.Tensor) -> list[int]:
    return np.bincount(TARGETS[rows.numpy()], minlength=4).tolist()


def test_shuffle_is_the_permutation_of_the_seed() -> None:
    assert torch.equal(draw_rows(TARGETS, Sampling(), seeded(5)), torch.randperm(100, generator=seeded(5)))


def test_balanced_draws_every_class_equally_often_and_as_many_as_there_are() -> None:
    generator = seeded()
    drawn = [draw_rows(TARGETS, Sampling(draw="balanced"), generator) for _ in range(200)]
    assert {len(rows) for rows in drawn} == {100}
    shares = np.array(counts(torch.cat(drawn))) / 20_000
    assert shares == pytest.approx([1 / 3, 1 / 3, 0, 1 / 3], abs=0.015)  # 4.5 standard deviations
    assert not torch.equal(drawn[0], drawn[1])


def test_down_sample_shows_as_many_of_each_class_as_the_smallest_has_and_each_image_once() -> None:
    generator = seeded()
    drawn = [draw_rows(TARGETS, Sampling(draw="down_sample"), generator) for _ in range(60)]
    assert {tuple(counts(rows)) for rows in drawn} == {(10, 10, 0, 10)}
    assert {len(rows.unique()) for rows in drawn} == {30}
    assert set(torch.cat(drawn).tolist()) == set(range(100))  # anew each epoch: in the end all were shown
    assert any(TARGETS[int(rows[0])] != 0 for rows in drawn)  # mixed, not class by class


@pytest.mark.parametrize("draw", ["shuffle", "balanced", "down_sample"])
def test_the_seed_determines_the_rows(draw: str) -> None:
    one, again, other = (draw_rows(TARGETS, Sampling(draw=draw), seeded(seed)) for seed in (1, 1, 2))  # type: ignore[arg-type]
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_several_labels_weigh_by_the_rarest_that_is_present_as_a_slow_loop_says() -> None:
    generator = np.random.default_rng(0)
    labels = (generator.random((200, 4)) < [0.4, 0.2, 0.05, 0.0]).astype(np.float32)
    labels[generator.random((200, 4)) < 0.1] = np.nan
    present = [{n for n, value in enumerate(row) if value > 0.5} or {"none"} for row in labels.tolist()]
    how_many = {name: sum(name in names for names in present) for name in (0, 1, 2, 3, "none")}
    slow = [max(1 / how_many[name] for name in names) for names in present]
    assert balancing_weights(torch.from_numpy(labels)).tolist() == pytest.approx(slow, rel=1e-12)


def test_down_sampling_images_with_several_labels_is_refused_with_a_way_out() -> None:
    with pytest.raises(ValueError, match=r"'down_sample'.*several labels.*Take 'balanced'"):
        draw_rows(np.zeros((4, 3), np.float32), Sampling(draw="down_sample"), seeded())


def test_the_default_leaves_the_keys_of_trials_as_they_were() -> None:
    assert "sampling" not in canonical_json(SPEC)
    other = TrialSpec(data=SPEC.data, model=SPEC.model, sampling=Sampling(draw="balanced"))
    assert to_plain(other)["sampling"] == {"draw": "balanced"}
    assert from_plain(TrialSpec, to_plain(other)) == other


def rare_right(count: int = 96) -> ImageSet:
    """The easy images, with every second one of a class left out of training."""
    images = easy_images(count)
    rows = np.flatnonzero((images.splits != "train") | (images.targets == 0) | (np.arange(count) % 4 == 1))
    return images.take(rows)


@pytest.mark.parametrize("draw", ["balanced", "down_sample"])
def test_training_shows_what_is_drawn(draw: str) -> None:
    spec = replace(SPEC, sampling=Sampling(draw=draw))  # type: ignore[arg-type]
    training = Training(spec, rare_right())
    with mock.patch.object(training, "_step", wraps=training._step) as stepped:
        training.run_epoch()
    shown = torch.cat([call.args[0] for call in stepped.call_args_list])
    generator = seeded(epoch_seed(spec.seed, 0, "order"))
    expected = draw_rows(training.train.targets, spec.sampling, generator)
    assert torch.equal(shown, torch.cat(list(_batches(expected, spec.schedule.batch_size))))
