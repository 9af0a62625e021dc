"""What a posterior costs is known before it is made, and the full structure gives way where it would not fit."""

from dataclasses import replace

import pytest
from torch import nn

from tests.trainables.planted_label_heads import LabelHead
from trainables.posthoc import run
from trainables.posthoc.laplace_cost import affordable, predicted
from trainables.posthoc.memory import NotEnoughMemoryError
from trainables.posthoc.posterior import load_posterior
from trainables.spec import Laplace

FULL = Laplace(hessian_structure="full")


def test_vgg_s_full_matrix_gives_way_to_kron_and_says_so():
    head = nn.Linear(4096, 4, device="meta")
    assert predicted(FULL, "full", head, of_labels=False).bytes == 7 * 8 * 16_388**2
    structure, remarks = affordable(FULL, head, of_labels=False)
    assert structure == "kron"
    assert "about 15,039,726,464 bytes and" in remarks[0]
    assert "memory_bytes allows 4,294,967,296: this is the Kronecker structure in its place" in remarks[0]


def test_labels_need_a_block_each_and_never_all_parameters_by_all():
    head = nn.Linear(1024, 14, device="meta")
    assert predicted(FULL, "full", head, of_labels=True).bytes == 8 * (2 * 14 + 9) * 1025**2
    assert affordable(FULL, head, of_labels=True) == ("full", ())
    assert affordable(FULL, head, of_labels=False)[0] == "kron"


def test_folds_take_more_memory_and_more_decompositions():
    head, folds = nn.Linear(512, 4, device="meta"), replace(FULL, prior_precision="cv")
    for structure in ("diag", "kron", "full"):
        once = predicted(FULL, structure, head, of_labels=False)
        often = predicted(folds, structure, head, of_labels=False)
        assert often.bytes > once.bytes
        assert structure == "diag" or often.decompositions == 7


def test_a_machine_without_the_memory_gives_way_too(monkeypatch):
    head = nn.Linear(512, 4)
    assert affordable(FULL, head, of_labels=False) == ("full", ())
    monkeypatch.setattr("trainables.posthoc.laplace_cost.available_bytes", lambda: 2**24)
    structure, remarks = affordable(FULL, head, of_labels=False)
    assert (structure, "16,777,216 are free" in remarks[0]) == ("kron", True)


def test_where_kron_does_not_fit_either_the_task_refuses():
    head = nn.Linear(512, 4)
    for task in (replace(FULL, memory_bytes=1000), Laplace(memory_bytes=1000)):
        with pytest.raises(
            NotEnoughMemoryError, match=r"kron 14,680,064, and memory_bytes allows 1,000. Use .* 'diag'"
        ):
            affordable(task, head, of_labels=False)
    assert affordable(Laplace(hessian_structure="diag", memory_bytes=1), head, of_labels=False)[0] == "diag"


def test_seconds_grow_with_the_cube_of_the_side():
    small, large = (predicted(FULL, "full", nn.Linear(n, 1), of_labels=True).seconds() for n in (255, 1023))
    assert large == pytest.approx(64 * small)


def test_the_result_of_a_task_that_gave_way_cannot_be_mistaken_for_the_full_one():
    result = run(replace(FULL, memory_bytes=4000), [LabelHead()])
    assert result.metrics["train/fell_back_to_kron"] == 1.0
    assert "Kronecker" in result.remarks[0]
    assert load_posterior(result.tensors).curvature.structure == "kron"
    assert "train/fell_back_to_kron" not in run(FULL, [LabelHead()]).metrics


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hessian_structure": "full", "prior": "layerwise"}, "couples weight and bias"),
        ({"samples": 0}, "draws at least 1"),
        ({"folds": 1}, "needs at least 2"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Laplace(**settings)
