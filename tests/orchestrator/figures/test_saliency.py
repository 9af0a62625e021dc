import numpy as np

from orchestrator.figures.saliency import heat_colours, outlines


def test_an_outline_encloses_the_area_of_its_mask() -> None:
    mask = np.zeros((20, 30), dtype=bool)
    mask[4:10, 6:16] = True
    (line,) = outlines(mask)
    x, y = line.T
    area = abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2
    assert abs(area - mask.sum()) <= 1  # corners are cut
    np.testing.assert_array_equal(line[0], line[-1])
    assert (x.min(), x.max(), y.min(), y.max()) == (6.0, 16.0, 4.0, 10.0)


def test_a_mask_at_the_border_has_a_closed_outline_and_an_empty_one_none() -> None:
    (line,) = outlines(np.ones((5, 5), dtype=bool))
    np.testing.assert_array_equal(line[0], line[-1])
    assert outlines(np.zeros((5, 5), dtype=bool)) == []


def test_a_map_is_clear_where_it_is_low_and_never_hides_the_radiograph() -> None:
    alpha = heat_colours(np.array([[0.0, 0.5, 1.0]]))[0, :, 3]
    assert alpha[0] == 0
    assert alpha[0] < alpha[1] < alpha[2] < 255 * 0.8
