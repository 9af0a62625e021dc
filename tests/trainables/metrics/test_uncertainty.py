import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainables.planted import ids, predictions
from trainables.metrics import disagreement, mutual_information, predictive_entropy
from trainables.predictions import Predictions


def test_entropy_and_mutual_information_agree_with_a_slow_loop():
    one = predictions(images=6, members=3)
    for n in range(6):
        rows = [torch.softmax(one.logits[m, n].double(), 0).tolist() for m in range(3)]
        pooled = [sum(column) / 3 for column in zip(*rows, strict=True)]
        entropies = [-sum(p * math.log(p) for p in row) for row in [pooled, *rows]]
        assert float(predictive_entropy(one)[n]) == pytest.approx(entropies[0])
        assert float(mutual_information(one)[n]) == pytest.approx(entropies[0] - sum(entropies[1:]) / 3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), members=st.integers(1, 5), scale=st.floats(0.0, 100.0))
def test_mutual_information_lies_between_zero_and_the_entropy(seed, members, scale):
    one = predictions(images=20, members=members, seed=seed, scale=scale)
    entropy, information = predictive_entropy(one), mutual_information(one)
    assert (information >= 0).all()
    assert (information <= entropy + 1e-9).all()
    assert (entropy <= math.log(4) + 1e-9).all()


def test_equal_members_share_no_information_and_never_disagree():
    one = predictions()
    copies = one.with_logits(one.logits.expand(5, -1, -1))
    torch.testing.assert_close(mutual_information(copies), torch.zeros(len(one)).double())
    torch.testing.assert_close(predictive_entropy(copies), predictive_entropy(one))
    assert not disagreement(copies).any()


def test_disagreement_is_the_share_of_members_that_are_outvoted():
    logits = torch.tensor([[[3.0, 0.0]], [[3.0, 0.0]], [[0.0, 3.0]], [[3.0, 0.0]]])
    one = Predictions(logits=logits, targets=torch.tensor([0]), image_ids=ids("val", 1), split="val")
    assert disagreement(one).tolist() == [0.25]


def test_certainty_has_no_entropy_and_no_nan():
    one = Predictions(logits=torch.tensor([[[1e5, -1e5]]]), targets=torch.tensor([0]), image_ids=("a",), split="val")
    assert predictive_entropy(one).tolist() == [0.0]
