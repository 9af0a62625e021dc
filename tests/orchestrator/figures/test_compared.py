import numpy as np
import pytest

from orchestrator.figures.canvas import inline_svg, new_figure
from orchestrator.figures.compared import (
    AreaCurve,
    areas_picture,
    draw_areas,
    grid_of,
    grid_picture,
    overlays_picture,
)
from orchestrator.figures.overlay import blended, even_colours
from orchestrator.figures.saliency import explained_images
from tests.orchestrator.figures.galleries import compared_tensors
from tests.orchestrator.figures.test_files import size
from tests.orchestrator.report.tiny_sweep import CLASSES


def arrays(**settings):
    return {name: each.numpy() for name, each in compared_tensors(**settings).items()}


def network(name, **settings):
    return (name, f"loss {name}", CLASSES, arrays(**settings))


def test_an_overlay_lies_between_radiograph_and_map() -> None:
    pixels, heat = np.full((2, 2), 100, dtype=np.uint8), np.array([[0.0, 1.0], [0.5, 0.2]])
    assert (blended(pixels, heat, 0.0) == 100).all()
    np.testing.assert_array_equal(blended(pixels, heat, 1.0), even_colours(heat))
    middle = (100.0 + even_colours(heat)) / 2
    np.testing.assert_allclose(blended(pixels, heat, 0.5), middle, atol=0.51)
    with pytest.raises(ValueError, match=r"the opacity 1\.5"):
        blended(pixels, heat, 1.5)


def test_rows_of_a_grid_are_matched_by_image() -> None:
    grid = grid_of([network("a"), network("b", seed=1, ids=(13, 11)), network("c", ids=(1, 2)), ("d", "", CLASSES, {})])
    assert [number for number, _, _ in grid.images] == [11, 12, 13]
    assert [row.name for row in grid.rows] == ["a", "b"], "c was never shown such an image, d has no maps"
    b = grid.rows[1]
    assert set(b.cells) == {11, 13}
    tensors = arrays(seed=1, ids=(13, 11))
    np.testing.assert_allclose(b.cells[13][1], tensors["compared/maps"][0] / tensors["compared/maps"][0].max())
    assert b.cells[11][2] == CLASSES[int(tensors["compared/predicted"][1])]
    one, two = grid_of([network("a")]), grid
    assert size(grid_picture(two, "title $"))[1] > size(grid_picture(one))[1]
    with pytest.raises(ValueError, match="Compute its AOPC again"):
        grid_picture(grid_of([]))


def test_areas_are_drawn_with_a_table_and_for_a_page() -> None:
    steps = np.linspace(0, 0.3, 9)
    curves = [AreaCurve(name=f"trial-{n}", by_step=steps * n, random=steps / 2) for n in range(9)]
    table = [("network", "AOPC"), *((curve.name, "0.1") for curve in curves)]
    assert size(areas_picture(curves, table))[1] > size(areas_picture(curves[:2], table[:3]))[1]
    figure = new_figure(5, 3)
    draw_areas(figure, curves)
    svg = inline_svg(figure, name="areas", label="areas")
    assert svg.count(">trial-") == 8, "as many as there are colours"
    assert ">random order<" in svg
    with pytest.raises(ValueError, match="no network has an AOPC"):
        areas_picture([], table)


def test_overlays_show_a_few_images_at_every_opacity() -> None:
    images = list(explained_images(compared_tensors(), CLASSES))
    assert size(overlays_picture(images))[0] > size(overlays_picture(images, alphas=(0.5,)))[0]
    with pytest.raises(ValueError, match="no image"):
        overlays_picture([])
