import io

import numpy as np
from PIL import Image

from tests.trainables.data.conftest import radiograph
from trainables.data.duplicates import near_duplicates, perceptual_hashes


def thumbnail(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR))


def compressed(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=40)
    return Image.open(buffer)


def test_copies_saved_otherwise_are_joined_and_others_are_not():
    images = [radiograph(n, 200) for n in range(30)]
    copies = [
        compressed(images[3]),
        images[7].resize((90, 90)),
        images[11].point(lambda value: int(255 * (value / 255) ** 0.9)),
        images[15],
    ]
    clusters = near_duplicates(np.stack([thumbnail(image) for image in (*images, *copies)]))
    assert clusters.tolist() == [*range(30), 3, 7, 11, 15]


def test_a_chain_of_likenesses_is_one_cluster():
    first, last = (np.asarray(radiograph(n, 32), float) for n in (1, 2))
    chain = [np.rint(first * (1 - w) + last * w).astype(np.uint8) for w in np.linspace(0, 1, 25)]
    assert set(near_duplicates(np.stack(chain)).tolist()) == {0}


def test_a_like_hash_alone_joins_nothing():
    thumbnails = np.stack([thumbnail(radiograph(n, 64)) for n in range(40)])
    assert len(set(near_duplicates(thumbnails, radius=64).tolist())) == 40


def test_hashes_do_not_change_with_brightness_and_contrast():
    plain = np.stack([thumbnail(radiograph(n, 64)) // 2 for n in range(10)])
    assert (np.bitwise_count(perceptual_hashes(plain) ^ perceptual_hashes(plain + 60)) <= 2).all()


def test_blocks_find_the_same_as_a_slow_loop():
    random = np.random.default_rng(0)
    base = np.stack([thumbnail(radiograph(n, 64)) for n in range(40)]).astype(float)
    rows = random.integers(0, 40, 300)
    thumbnails = np.clip(base[rows] + random.normal(0, 4, (300, 32, 32)), 0, 255).astype(np.uint8)
    clusters = near_duplicates(thumbnails)
    for one in range(0, 300, 7):
        assert [n for n in range(300) if clusters[n] == clusters[one]] == np.flatnonzero(rows == rows[one]).tolist()


def test_many_equal_images_are_cheap():
    assert set(near_duplicates(np.zeros((20_000, 32, 32), np.uint8)).tolist()) == {0}
