import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainables.planted import ids, predictions
from tests.trainables.planted_labels import label_predictions
from trainables.multilabel import MultiLabelPredictions, load_predictions
from trainables.predictions import Predictions, join_members, require_same_images


def build(logits, targets=None, image_ids=None):
    shape = logits.shape[1:]
    targets = torch.zeros(shape) if targets is None else targets
    return MultiLabelPredictions(
        logits=logits, targets=targets, image_ids=image_ids or ids("val", shape[0]), split="val"
    )


def test_probabilities_are_refused():
    probabilities = torch.sigmoid(4 * torch.randn(1, 100, 3, generator=torch.Generator().manual_seed(0)))
    with pytest.raises(ValueError, match="probabilities"):
        build(probabilities)


@pytest.mark.parametrize("flat", [torch.zeros(1, 9, 2), torch.rand(1, 50, 1) * 0.6 + 0.1])
def test_a_network_that_has_hardly_learnt_is_not_taken_for_probabilities(flat):
    assert build(flat).labels == flat.shape[2]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_diverged_network_is_refused(bad):
    logits = torch.randn(1, 3, 4)
    logits[0, 1, 2] = bad
    with pytest.raises(ValueError, match="non-finite logits"):
        build(logits)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"logits": torch.randn(3, 4), "targets": torch.zeros(3, 4)}, "ensemble of one"),
        ({"logits": torch.randn(1, 3, 0)}, "one label at least"),
        ({"logits": torch.randn(1, 3, 4), "targets": torch.zeros(3)}, "must agree"),
        ({"logits": torch.randn(1, 3, 4), "image_ids": ("a", "b")}, "must agree"),
        ({"logits": torch.randn(1, 3, 4), "image_ids": ("a", "b", "a")}, "doubled"),
        ({"logits": torch.randn(1, 1, 2), "targets": torch.tensor([[0.0, 1.5]])}, "no probabilities"),
        ({"logits": torch.randn(1, 1, 2), "targets": torch.tensor([[0, 1]])}, "no probabilities"),
    ],
)
def test_what_does_not_fit_together_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        build(**wrong)


def test_pooling_averages_probabilities():
    many = label_predictions(members=5)
    expected = torch.sigmoid(many.logits.double()).mean(dim=0)
    torch.testing.assert_close(many.pooled_log_probs().exp(), expected)
    torch.testing.assert_close(many.pooled().log_probs()[0].exp(), expected)
    torch.testing.assert_close(many.pooled().log_complements()[0].exp(), 1 - expected)


def test_the_log_odds_of_one_member_are_its_logits():
    one = label_predictions()
    assert torch.equal(one.pooled_log_odds(), one.logits[0].double())


@settings(max_examples=25, deadline=None)
@given(size=st.floats(1, 1e30), members=st.integers(1, 3))
def test_pooling_survives_extreme_logits(size, members):
    logits = size * torch.tensor([[[1.0, -1.0], [-1.0, 1.0]]]).repeat(members, 1, 1)
    pooled = build(logits).pooled()
    assert torch.isfinite(pooled.logits).all()
    torch.testing.assert_close(pooled.log_probs()[0], build(logits).log_probs()[0], rtol=1e-6, atol=1e-12)


def test_opposite_certainties_pool_to_one_half():
    pooled = build(torch.tensor([[[1e6, -1e6]], [[-1e6, 1e6]]])).pooled()
    torch.testing.assert_close(pooled.log_probs()[0, 0].exp(), torch.tensor([0.5, 0.5]).double())


def test_members_are_joined_where_the_same_labels_are_unknown():
    one, two = label_predictions(members=2), label_predictions(members=3)
    assert torch.equal(join_members([one, two]).logits, torch.cat([one.logits, two.logits]))
    assert isinstance(join_members([one, two]), MultiLabelPredictions)


def test_members_with_another_truth_or_of_another_kind_are_not_joined():
    one = label_predictions()
    targets = one.targets.clone()
    row, label = torch.nonzero(targets.isnan())[0].tolist()
    targets[row, label] = 1.0
    other = MultiLabelPredictions(logits=one.logits, targets=targets, image_ids=one.image_ids, split=one.split)
    for different in (other, predictions()):
        with pytest.raises(ValueError, match="different targets"):
            require_same_images(one, different)


def test_stored_predictions_are_read_back_as_what_they_were(tmp_path):
    one, other = label_predictions(members=2, split="test"), predictions(members=2)
    one.save(tmp_path / "labels.safetensors")
    other.save(tmp_path / "classes.safetensors")
    back = load_predictions(tmp_path / "labels.safetensors")
    assert isinstance(back, MultiLabelPredictions)
    assert torch.equal(back.logits, one.logits)
    require_same_images(back, one)
    assert back.split == "test"
    assert isinstance(load_predictions(tmp_path / "classes.safetensors"), Predictions)
    with pytest.raises(ValueError, match="of the kind 'multilabel'"):
        Predictions.load(tmp_path / "labels.safetensors")
    with pytest.raises(ValueError, match="of the kind 'multiclass'"):
        MultiLabelPredictions.load(tmp_path / "classes.safetensors")
