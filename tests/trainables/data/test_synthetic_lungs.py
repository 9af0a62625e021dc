"""The lungs of the embedded radiographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trainables.data.drawing.lungs import draw_lungs
from trainables.data.drawn import prepare
from trainables.data.stored import load_lung_masks
from trainables.data.synthetic import synthesize
from trainables.spec import Split, Synthetic


def test_lungs_are_where_the_film_is_darkest_and_hold_the_lesions() -> None:
    drawn = [synthesize(index, size=64) for index in range(32)]
    for index, image in enumerate(drawn):
        lungs = draw_lungs(index, index // 4, image.findings, size=64, seed=0)
        assert 0.1 < lungs.mean() < 0.6
        columns = lungs.any(0)
        assert columns[:32].any()
        assert columns[32:].any()
        if image.true_label == 0:
            assert image.pixels[lungs].mean() < image.pixels[16:48, 26:38].mean()  # darker than spine and heart
        if image.findings[0]:
            lesion = image.finding_masks[0]
            assert lungs[lesion].mean() > 0.5
        if image.findings[2]:
            assert not (lungs & image.finding_masks[2]).any()  # the heart is no lung


def test_lungs_are_kept_only_where_asked_and_change_no_image(tmp_path: Path) -> None:
    plain, asked = tmp_path / "plain", tmp_path / "asked"
    for folder, masks in ((plain, False), (asked, True)):
        folder.mkdir()
        prepare(Synthetic(images=64, size=32, lung_masks=masks), Split(), folder)
    assert load_lung_masks(plain) is None
    lungs = load_lung_masks(asked)
    assert lungs is not None
    assert np.array_equal(np.load(plain / "images.npy"), np.load(asked / "images.npy"))
    expected = draw_lungs(5, 1, synthesize(5, size=32).findings, size=32, seed=0)
    assert np.array_equal(np.load(asked / "lung_masks.npy")[5], expected)
