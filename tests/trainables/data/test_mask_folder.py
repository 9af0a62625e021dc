from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.data.mask_folder import find_masks, read_masks


def write(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def square(side: int = 8) -> np.ndarray:
    pixels = np.zeros((side, side), np.uint8)
    pixels[: side // 2] = 255
    return pixels


def test_masks_are_found_by_the_path_of_their_image_whatever_its_suffix(tmp_path: Path) -> None:
    one = write(tmp_path / "a" / "one.png", square())
    assert find_masks(tmp_path, ["a/one.jpg", "a/two.jpg"]) == {"a/one.jpg": one}


def test_lungs_lie_beside_the_images_and_an_image_is_never_its_own_mask(tmp_path: Path) -> None:
    for part in ("images", "masks"):
        write(tmp_path / "COVID" / part / "COVID-1.png", square())
    write(tmp_path / "COVID" / "images" / "COVID-2.png", square())
    ids = ["COVID/images/COVID-1.png", "COVID/images/COVID-2.png"]
    assert find_masks(tmp_path, ids) == {ids[0]: tmp_path / "COVID" / "masks" / "COVID-1.png"}


def test_a_name_is_enough_where_only_one_image_has_it(tmp_path: Path) -> None:
    mask = write(tmp_path / "000001.png", square())
    assert find_masks(tmp_path, ["synthetic/000001", "synthetic/000002"]) == {"synthetic/000001": mask}
    with pytest.raises(ValueError, match="none is called like"):
        find_masks(tmp_path, ["one/000001.png", "other/000001.png"])


def test_masks_have_the_size_of_the_images_and_a_radiograph_is_none(tmp_path: Path) -> None:
    mask = write(tmp_path / "mask.png", square(16))
    assert np.array_equal(read_masks([mask], 8)[0], square(8) > 0)
    grey = np.random.default_rng(0).integers(40, 200, (16, 16), dtype=np.uint8)
    with pytest.raises(ValueError, match="is no mask"):
        read_masks([write(tmp_path / "film.png", grey)], 8)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no folder"):
        find_masks(tmp_path / "gone", ["a"])
