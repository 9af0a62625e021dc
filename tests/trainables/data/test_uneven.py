"""Embedded radiographs of uneven classes: healthy ones take the place of some with a finding, and the rest stay."""

from pathlib import Path

import numpy as np
import pytest

from trainables.data.prepare import DataSource, load, prepare
from trainables.data.synthetic import synthesize, synthesize_many
from trainables.spec import Split, Synthetic

SHARE = 0.5


def test_images_are_as_they_were_or_healthy() -> None:
    even, uneven = (synthesize_many(320, size=32, healthy=share) for share in (0.0, SHARE))
    same = even.true_labels == uneven.true_labels
    assert (uneven.true_labels[~same] == 0).all()
    assert (even.pixels[same] == uneven.pixels[same]).all()
    assert not uneven.class_masks[~same].any()
    changed = (~same)[even.true_labels > 0]
    deviation = (SHARE * (1 - SHARE) / len(changed)) ** 0.5
    assert changed.mean() == pytest.approx(SHARE, abs=4 * deviation)


@pytest.mark.parametrize("multilabel", [False, True])
def test_whoever_is_healthy_has_no_finding(multilabel: bool) -> None:
    assert not synthesize_many(40, size=32, healthy=1.0, multilabel=multilabel).findings.any()


def test_a_data_set_has_them(tmp_path: Path) -> None:
    (folder := tmp_path / "data").mkdir()
    prepare(Synthetic(images=160, size=32, healthy=SHARE), Split(), DataSource(), folder)
    targets = load(folder).targets
    drawn = [synthesize(index, size=32, healthy=SHARE).label for index in range(160)]
    assert np.bincount(targets).tolist() == np.bincount(drawn).tolist()
    assert np.bincount(targets)[0] > 80


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_outside_of_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="data/healthy"):
        Synthetic(healthy=share)
    with pytest.raises(ValueError, match="needs healthy between 0 and 1"):
        synthesize(0, healthy=share)
