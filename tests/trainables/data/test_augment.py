import torch

from trainables.data.augment import augment
from trainables.spec import Augmentation


def images(batch: int = 6) -> torch.Tensor:
    return torch.rand(batch, 1, 16, 16, generator=torch.Generator().manual_seed(0))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_no_augmentation_returns_the_images_themselves() -> None:
    before = images()
    assert augment(before, Augmentation(), seeded()) is before


def test_the_seed_determines_the_changes_and_they_stay_intensities() -> None:
    spec = Augmentation(flip=True, shift=0.2, rotate_degrees=20, zoom=0.2, brightness=0.3, contrast=0.5)
    one, again, other = (augment(images(), spec, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.min() >= 0
    assert one.max() <= 1


def test_a_flip_alone_gives_the_image_or_its_mirror() -> None:
    before = images(32)
    after = augment(before, Augmentation(flip=True), seeded())
    kept = (after - before).abs().amax((1, 2, 3)) < 1e-5
    mirrored = (after - before.flip(-1)).abs().amax((1, 2, 3)) < 1e-5
    assert bool((kept | mirrored).all())
    assert 5 < int(mirrored.sum()) < 27


def test_every_image_gets_its_own_change() -> None:
    same = images(1).expand(8, 1, 16, 16).contiguous()
    after = augment(same, Augmentation(brightness=0.3), seeded())
    assert len({round(float(image.mean()), 6) for image in after}) == 8
