import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainables.planted import ids, predictions
from trainables.predictions import Predictions, join_members, require_same_images


def build(logits, targets=None, image_ids=None, split="val"):
    images = logits.shape[1] if logits.ndim == 3 else len(logits)
    targets = torch.zeros(images, dtype=torch.int64) if targets is None else targets
    return Predictions(logits=logits, targets=targets, image_ids=image_ids or ids(split, images), split=split)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(1, 3), classes=st.integers(2, 6), scale=st.floats(0.0, 30.0))
def test_probabilities_are_refused(seed, members, classes, scale):
    logits = scale * torch.randn(members, 7, classes, generator=torch.Generator().manual_seed(seed))
    with pytest.raises(ValueError, match="probabilities"):
        build(torch.softmax(logits, dim=-1))


def test_log_probabilities_are_accepted_and_change_nothing():
    one = predictions(members=3)
    again = one.with_logits(one.log_probs())
    torch.testing.assert_close(again.log_probs(), one.log_probs())
    torch.testing.assert_close(again.pooled_log_probs(), one.pooled_log_probs())


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_diverged_network_is_refused(bad):
    logits = torch.randn(1, 3, 4)
    logits[0, 1, 2] = bad
    with pytest.raises(ValueError, match="non-finite logits"):
        build(logits)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"logits": torch.randn(3, 4)}, "ensemble of one"),
        ({"logits": torch.randn(1, 3, 1)}, "two classes"),
        ({"logits": torch.randn(1, 3, 4), "targets": torch.zeros(2, dtype=torch.int64)}, "must agree"),
        ({"logits": torch.randn(1, 3, 4), "image_ids": ("a", "b")}, "must agree"),
        ({"logits": torch.randn(1, 3, 4), "image_ids": ("a", "b", "a")}, "doubled"),
        ({"logits": torch.randn(1, 3, 4), "targets": torch.tensor([0, 4, 1])}, "targets lie in 0 to 3"),
        ({"logits": torch.randn(1, 3, 4), "targets": torch.tensor([0, -1, 1])}, "targets lie in 0 to 3"),
    ],
)
def test_what_does_not_fit_together_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        build(**wrong)


def test_pooling_averages_probabilities():
    many = predictions(members=5)
    expected = torch.softmax(many.logits.double(), dim=-1).mean(dim=0)
    torch.testing.assert_close(many.pooled_log_probs().exp(), expected)
    torch.testing.assert_close(many.pooled().log_probs()[0].exp(), expected)


def test_pooling_survives_extreme_logits():
    logits = torch.tensor([[[1e6, -1e6]], [[-1e6, 1e6]]])
    torch.testing.assert_close(build(logits).pooled().log_probs()[0, 0].exp(), torch.tensor([0.5, 0.5]).double())


def test_members_of_other_images_are_not_joined():
    one = predictions()
    order = torch.arange(len(one) - 1, -1, -1)
    reversed_ = Predictions(
        logits=one.logits[:, order],
        targets=one.targets[order],
        image_ids=one.image_ids[::-1],
        split=one.split,
    )
    with pytest.raises(ValueError, match="differ from row 0 on"):
        join_members([one, reversed_])


def test_members_with_another_truth_are_not_joined():
    one = predictions()
    other = Predictions(logits=one.logits, targets=(one.targets + 1) % 4, image_ids=one.image_ids, split=one.split)
    with pytest.raises(ValueError, match="different targets"):
        require_same_images(one, other)


def test_joining_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        join_members([])


def test_joined_members_keep_their_order():
    one, two = predictions(members=2), predictions(members=3)
    assert torch.equal(join_members([one, two]).logits, torch.cat([one.logits, two.logits]))


def test_a_saved_prediction_is_read_back(tmp_path):
    one = predictions(members=2, split="test")
    one.save(tmp_path / "test.safetensors")
    back = Predictions.load(tmp_path / "test.safetensors")
    assert torch.equal(back.logits, one.logits)
    assert torch.equal(back.targets, one.targets)
    assert (back.image_ids, back.split) == (one.image_ids, one.split)
