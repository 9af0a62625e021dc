from dataclasses import fields

import pytest
import torch

from search_spaces import augmentations
from search_spaces.augmentations import BY_NAME, CHEST, NONE, P1, P2, P3, P4
from trainables.data.augment import augment
from trainables.spec import Augmentation, canonical_json, from_plain, to_plain


def changed(spec: Augmentation) -> set[str]:
    return {field.name for field in fields(spec) if getattr(spec, field.name)}


def test_each_has_the_changes_that_its_paper_names() -> None:
    assert changed(P1) == {"flip", "rotate_degrees"}
    assert P1.rotate_degrees == 10
    assert changed(P2) == changed(P3) == set()
    assert changed(P4) == {"crop", "rotate_degrees", "shift", "shear_degrees", "stretch", "flip"}
    assert "flip" not in changed(CHEST)


@pytest.mark.parametrize("name", ["NONE", "P1", "P2", "P3", "P4", "CHEST"])
def test_each_makes_images_and_survives_json(name: str) -> None:
    spec = getattr(augmentations, name)
    before = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    after = augment(before, spec, torch.Generator().manual_seed(1))
    assert after.shape == before.shape
    assert 0 <= float(after.min()) <= float(after.max()) <= 1
    assert torch.equal(after, before) == (spec == NONE)
    assert from_plain(Augmentation, to_plain(spec)) == spec


def test_the_names_of_an_axis_lead_to_different_augmentations() -> None:
    assert len({canonical_json(spec) for spec in BY_NAME.values()}) == len(BY_NAME)
