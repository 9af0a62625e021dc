import numpy as np
import pytest

from orchestrator.figures.attentive import (
    COLOURS,
    FAINTEST,
    attentive_images,
    attentive_picture,
    unit_colours,
    units_picture,
    winner_colours,
)
from tests.orchestrator.figures.galleries import attentive_tensors
from tests.orchestrator.figures.test_files import size

CLASSES = ("normal", "effusion $", "opacity")


def gallery(**settings):
    return list(attentive_images(attentive_tensors(**settings), CLASSES))


def test_winners_are_channels_and_maps_are_shares() -> None:
    tensors = attentive_tensors()
    image = gallery()[1]
    places = tensors["gallery/winners"][1].long()
    np.testing.assert_array_equal(image.winners, tensors["gallery/units"][1][places])
    assert (image.dominant.min(), image.dominant.max()) == (0.0, 1.0) or image.dominant.max() == 1.0
    assert image.individual.shape == (4, 32, 32)
    assert (image.target, image.predicted, image.is_right) == ("effusion $", "normal", False)


def test_a_unit_has_one_colour_in_all_images_and_faint_responses_have_none() -> None:
    images = gallery()
    colours = unit_colours(images)
    assert len(set(colours.values())) == len(colours) <= len(COLOURS)
    total = sum(image.wins[unit] for image in images for unit in colours)
    assert total >= sum(sum(image.wins.values()) for image in images) / 2
    drawn = winner_colours(images[0], colours)
    assert (drawn[..., 3] == 0).tolist() == (images[0].dominant < FAINTEST).tolist()


def test_pictures_grow_with_images_and_units() -> None:
    images = gallery()
    assert size(attentive_picture(images, "$"))[1] > size(attentive_picture(images[:1]))[1]
    assert size(units_picture(images, 4))[0] > size(units_picture(images, 2))[0]
    assert size(units_picture(images, 9)) == size(units_picture(images, 4))


def test_nothing_to_draw_is_refused() -> None:
    assert list(attentive_images({}, CLASSES)) == []
    with pytest.raises(ValueError, match="no image to draw"):
        attentive_picture([])
    with pytest.raises(ValueError, match="without maps of single units"):
        units_picture(gallery(shown=0), 5)
