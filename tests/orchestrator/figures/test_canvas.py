import re
import xml.etree.ElementTree as ElementTree

from orchestrator.figures.canvas import ACCENT, inline_svg, new_axes, new_figure, svg_text
from orchestrator.figures.words import metric_label, task_label


def drawing(text: str = "a title"):  # type: ignore[no-untyped-def]
    figure = new_figure(3, 2)
    axes = new_axes(figure, title=text)
    axes.plot([0, 1], [0, 1], color=ACCENT, marker="o")
    return figure


def test_colours_of_an_inline_figure_are_variables_of_the_page() -> None:
    text = inline_svg(drawing(), name="one", label="a line")
    assert "var(--figure-accent)" in text
    assert ACCENT not in text
    assert ACCENT in svg_text(drawing())


def test_two_figures_share_no_id() -> None:
    one, two = (
        set(re.findall(r' id="([^"]+)"', inline_svg(drawing(), name=name, label=""))) for name in ("one", "two")
    )
    assert one
    assert not one & two


def test_equal_figures_give_equal_files() -> None:
    assert svg_text(drawing()) == svg_text(drawing())


def test_texts_are_shown_as_they_are() -> None:
    text = inline_svg(drawing("<b>$x$ & $y$</b>"), name="one", label='"quoted" <label>')
    root = ElementTree.fromstring(text)
    assert "<b>$x$ & $y$</b>" in "".join(root.itertext())
    assert root.attrib["aria-label"] == '"quoted" <label>'


def test_names_are_told_in_words() -> None:
    assert metric_label("temperature/val/nll") == "NLL on val after temperature"
    assert metric_label("test/macro_f1") == "macro F1 on test"
    assert task_label("laplace_kron_grid_mc") == "Laplace, Kronecker (grid, mc)"
    assert task_label("evaluation") == "uncalibrated"
