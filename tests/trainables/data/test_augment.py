import math
from unittest import mock

import pytest
import torch
from torch.nn import functional

from trainables.data.augment import augment, resample, sampling_grid, sampling_matrices
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


def grid_by_parts(matrices: torch.Tensor, side: int) -> torch.Tensor:
    """The grid of the library, by slow sums in its order, each rounded."""
    middles = functional.affine_grid(torch.eye(2, 3)[None], [1, 1, 1, side], align_corners=False)[0, 0, :, 0]
    x, y = torch.meshgrid(middles, middles, indexing="xy")
    both = [x * row[0] + y * row[1] + row[2] for matrix in matrices for row in matrix]
    return torch.stack(both).unflatten(0, (-1, 2)).permute(0, 2, 3, 1)


MATRICES = torch.randn(3, 2, 3, generator=torch.Generator().manual_seed(0))
LIBRARY_GRID = functional.affine_grid(MATRICES, [3, 1, 16, 16], align_corners=False)
THE_LIBRARY_FUSES = not torch.equal(LIBRARY_GRID, grid_by_parts(MATRICES, 16))
"""Whether this processor rounds a product and a sum at once: the last bits then differ."""


def test_the_grid_is_that_of_the_library() -> None:
    assert torch.equal(sampling_grid(MATRICES, 16, 16), grid_by_parts(MATRICES, 16))
    torch.testing.assert_close(sampling_grid(MATRICES, 16, 16), LIBRARY_GRID, atol=2e-6, rtol=0)
    oblong = functional.affine_grid(MATRICES, [3, 1, 8, 20], align_corners=False)
    torch.testing.assert_close(sampling_grid(MATRICES, 8, 20), oblong, atol=2e-6, rtol=0)


def as_it_was(images: torch.Tensor, spec: Augmentation, generator: torch.Generator) -> torch.Tensor:
    """Flip, shift, rotation, zoom, brightness and contrast as they were computed when there was nothing else."""

    def draw() -> torch.Tensor:
        return torch.rand(len(images), generator=generator) * 2 - 1

    if spec.flip or spec.shift or spec.rotate_degrees or spec.zoom:
        flip, right, down, turn, zoom = draw(), draw(), draw(), draw(), draw()
        angle = turn * spec.rotate_degrees * math.pi / 180
        scale = 1 + zoom * spec.zoom
        mirror = torch.where(flip < 0, -1.0, 1.0) if spec.flip else torch.ones_like(flip)
        cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
        rows = [
            torch.stack([cosine * mirror, -sine, 2 * spec.shift * right], dim=1),
            torch.stack([sine * mirror, cosine, 2 * spec.shift * down], dim=1),
        ]
        grid = functional.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
        images = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    if spec.contrast or spec.brightness:
        gain = (1 + spec.contrast * draw())[:, None, None, None]
        offset = (spec.brightness * draw())[:, None, None, None]
        images = ((images - 0.5) * gain + 0.5 + offset).clamp(0, 1)
    return images


@pytest.mark.parametrize(
    "spec",
    [
        Augmentation(flip=True),
        Augmentation(shift=0.1),
        Augmentation(rotate_degrees=30, zoom=0.2),
        Augmentation(brightness=0.2),
        Augmentation(contrast=0.3),
        Augmentation(flip=True, shift=0.05, rotate_degrees=7, zoom=0.1, brightness=0.1, contrast=0.2),
    ],
)
def test_what_a_seed_meant_before_there_were_more_changes_it_means_today(spec: Augmentation) -> None:
    mine, old = seeded(3), seeded(3)
    for _ in range(3):
        then, now = as_it_was(images(), spec, old), augment(images(), spec, mine)
        assert torch.equal(now, then) or (spec.moves and THE_LIBRARY_FUSES)
        torch.testing.assert_close(now, then, atol=1e-5, rtol=0)
    assert torch.equal(torch.rand(1, generator=mine), torch.rand(1, generator=old))


def moved(before: torch.Tensor, spec: Augmentation, *draws: float) -> torch.Tensor:
    """Images moved by planted draws, the first five of which are those of flip, right, down, turn and zoom."""
    numbers = iter([*draws, *[0.0] * (11 - len(draws))])
    return resample(before, sampling_matrices(spec, lambda: torch.full((len(before),), next(numbers))))


def test_a_shift_by_whole_pixels_is_a_roll() -> None:
    before = images()
    after = moved(before, Augmentation(shift=0.25), 0, -1, 0.5)  # 4 pixels to the right, 2 up
    rolled = torch.roll(before, (-2, 4), dims=(-2, -1))
    torch.testing.assert_close(after[..., :-2, 4:], rolled[..., :-2, 4:], atol=1e-5, rtol=0)


def test_a_quarter_turn_is_a_quarter_turn() -> None:
    before = images()
    after = moved(before, Augmentation(rotate_degrees=90), 0, 0, 0, 1)
    torch.testing.assert_close(after, torch.rot90(before, 1, dims=(-2, -1)), atol=1e-5, rtol=0)


def test_zoom_doubles_all_distances_and_stretch_those_of_one_direction() -> None:
    before = torch.zeros(1, 1, 64, 64)
    before[..., 32:34, 40:42] = 1  # its middle lies 9 pixels right of the centre and 1 below
    for spec, draws, (right, below) in (
        (Augmentation(zoom=0.5), (0, 0, 0, 0, -1), (18, 2)),
        (Augmentation(stretch=0.5), (0, 0, 0, 0, 0, 0, -1, 0), (18, 1)),
        (Augmentation(stretch=0.5), (0, 0, 0, 0, 0, 0, 0, -1), (9, 2)),
    ):
        after = moved(before, spec, *draws)[0, 0]
        places = torch.arange(64) + 0.5 - 32
        assert float((after.sum(0) * places).sum() / after.sum()) == pytest.approx(right, abs=1e-3)
        assert float((after.sum(1) * places).sum() / after.sum()) == pytest.approx(below, abs=1e-3)


def test_a_shear_by_45_degrees_moves_every_row_by_its_height() -> None:
    before = images()
    after = moved(before, Augmentation(shear_degrees=45), 0, 0, 0, 0, 0, 1)
    for row in range(16):
        by = row - 7.5  # half a pixel between two neighbours
        left, right = (torch.roll(before[0, 0, row], -round(by + half)) for half in (-0.5, 0.5))
        inside = slice(max(0, -int(by) + 1), min(16, 16 - int(by) - 1))
        expected = (left + right)[inside] / 2
        torch.testing.assert_close(after[0, 0, row, inside], expected, atol=1e-5, rtol=0)


def test_a_crop_to_a_quarter_of_the_area_is_a_quadrant_at_twice_the_size() -> None:
    before = images()
    after = moved(before, Augmentation(crop=0.75), 0, 0, 0, 0, 0, 1, 1, -1)  # the right upper quadrant
    expected = functional.interpolate(before[..., :8, 8:], scale_factor=2, mode="bilinear")
    torch.testing.assert_close(after[..., :-1, 1:], expected[..., :-1, 1:], atol=1e-5, rtol=0)


def test_a_crop_stays_inside_and_keeps_the_share_it_must() -> None:
    generator = seeded()
    matrices = sampling_matrices(Augmentation(crop=0.4), lambda: torch.rand(2000, generator=generator) * 2 - 1)
    side, centre = matrices[:, 0, 0], matrices[:, :, 2]
    assert 0.6 <= float(side.square().min()) < 0.61
    assert float(side.square().mean()) == pytest.approx(0.8, abs=0.01)
    assert float((centre.abs() + side[:, None]).max()) <= 1 + 1e-6


def test_crop_and_movement_in_one_resampling_are_the_movement_and_then_the_crop() -> None:
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    before = (rows + 2 * columns)[None, None] / 96  # linear: bilinear sampling is exact where nothing is outside
    turned = moved(before, Augmentation(rotate_degrees=20), 0, 0, 0, 1)
    cropped = moved(turned, Augmentation(crop=0.75), 0, 0, 0, 0, 0, 1, 0, 0)
    at_once = moved(before, Augmentation(rotate_degrees=20, crop=0.75), 0, 0, 0, 1, 0, 1, 0, 0)
    torch.testing.assert_close(at_once, cropped, atol=1e-5, rtol=0)


def test_every_movement_together_costs_one_resampling() -> None:
    spec = Augmentation(flip=True, shift=0.1, rotate_degrees=9, zoom=0.1, shear_degrees=5, stretch=0.1, crop=0.2)
    with mock.patch.object(functional, "grid_sample", wraps=functional.grid_sample) as resampled:
        augment(images(), spec, seeded())
    assert resampled.call_count == 1


def test_noise_has_its_standard_deviation_and_no_mean() -> None:
    grey = torch.full((8, 1, 128, 128), 0.5)
    noise = augment(grey, Augmentation(noise=0.1), seeded()) - 0.5
    assert float(noise.mean()) == pytest.approx(0, abs=0.001)
    assert float(noise.std()) == pytest.approx(0.1, rel=0.01)
    within = (noise.abs() < 0.1).float().mean()
    assert float(within) == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.005)


def test_noise_is_clipped_to_intensities_and_leaves_the_other_draws_alone() -> None:
    loud = augment(images(), Augmentation(shift=0.1, contrast=0.2, noise=1), seeded())
    assert (float(loud.min()), float(loud.max())) == (0, 1)
    calm = Augmentation(shift=0.1, contrast=0.2)
    faint = augment(images(), Augmentation(shift=0.1, contrast=0.2, noise=1e-6), seeded())
    torch.testing.assert_close(faint, augment(images(), calm, seeded()), atol=1e-5, rtol=0)


def test_a_range_that_leaves_nothing_of_the_image_is_refused() -> None:
    for name in ("crop", "stretch"):
        with pytest.raises(ValueError, match=f"augmentation/{name} is 1"):
            Augmentation(**{name: 1.0})
    with pytest.raises(ValueError, match="shear_degrees is 90"):
        Augmentation(shear_degrees=90)
