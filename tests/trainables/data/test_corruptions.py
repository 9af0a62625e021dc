import numpy as np
import pytest

from trainables.data.corruptions import CONTRAST_KEPT, NOISE_DEVIATION, corrupt
from trainables.spec import CORRUPTIONS


def drawn(images=3, size=64):
    across, down = np.meshgrid(np.arange(size), np.arange(size))
    waves = [110 + 60 * np.sin(across / (2 + n)) + 40 * np.cos(down / 3) for n in range(images)]
    return np.stack(waves).astype(np.uint8), tuple(f"{n}.png" for n in range(images))


def distance(one, other):
    return float(np.abs(one.astype(float) - other).mean())


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_every_severity_is_farther_from_the_image_than_the_one_before_and_repeats_itself(corruption):
    pixels, names = drawn()
    before = pixels.copy()
    distances = []
    for severity in range(1, 6):
        changed = corrupt(pixels, names, corruption, severity)
        assert changed.shape == pixels.shape
        assert changed.dtype == np.uint8
        assert np.array_equal(changed, corrupt(pixels, names, corruption, severity))
        distances.append(distance(changed, pixels))
    assert np.array_equal(pixels, before)
    assert distances[0] > 0.1
    assert distances[-1] > distances[0]
    if corruption != "rotation":  # whose waves meet themselves again
        assert distances == sorted(distances)


def test_noise_belongs_to_the_image_and_the_seed_not_to_its_neighbours():
    pixels, names = drawn()
    whole = corrupt(pixels, names, "noise", 3)
    assert np.array_equal(corrupt(pixels[1:2], names[1:2], "noise", 3)[0], whole[1])
    assert not np.array_equal(corrupt(pixels, names, "noise", 3, seed=1), whole)
    grey = np.full((1, 200, 200), 128, np.uint8)
    noisy = corrupt(grey, ("a",), "noise", 1).astype(float) / 255
    assert noisy.std() == pytest.approx(NOISE_DEVIATION[0], rel=0.03)


def test_rotation_by_thirty_degrees_moves_a_spot_where_geometry_says():
    image = np.zeros((1, 101, 101), np.uint8)
    image[0, 48:53, 88:93] = 255  # 40 pixels right of the middle
    turned = corrupt(image, ("a",), "rotation", 2)[0].astype(float)
    down, across = np.meshgrid(np.arange(101), np.arange(101), indexing="ij")
    middle = ((turned * down).sum() / turned.sum() - 50, (turned * across).sum() / turned.sum() - 50)
    assert middle == pytest.approx((-40 * 0.5, 40 * 3**0.5 / 2), abs=0.5)


def test_contrast_keeps_the_mean_and_a_share_of_the_spread():
    pixels, names = drawn(images=1)
    flat = corrupt(pixels, names, "contrast", 2).astype(float)
    assert flat.mean() == pytest.approx(pixels.mean(), abs=0.3)
    assert flat.std() == pytest.approx(CONTRAST_KEPT[1] * pixels.std(), rel=0.02)


def test_blur_depends_on_the_share_of_the_side_and_leaves_a_flat_image_alone():
    flat = np.full((1, 64, 64), 90, np.uint8)
    assert np.array_equal(corrupt(flat, ("a",), "blur", 5), flat)


def test_other_severities_and_names_are_refused():
    pixels, names = drawn()
    with pytest.raises(ValueError, match="from 1 to 5"):
        corrupt(pixels, names, "blur", 6)
    with pytest.raises(ValueError, match="1 names for 3 images"):
        corrupt(pixels, names[:1], "blur", 1)
