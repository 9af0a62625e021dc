"""Reports as people use them, in a real Chromium: mouse, keys, filters, a telephone, a dark screen and paper."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator import report as report_package
from orchestrator.report.findings import gather
from orchestrator.report.versus import compare
from orchestrator.report.versus_forms import comparison_page
from orchestrator.report.write import render
from tests.orchestrator.report.browser import Browser, Page
from tests.orchestrator.report.explained_sweep import explained_sweep
from tests.orchestrator.report.tiny_sweep import finished_sweep

TEMPLATES = Path(report_package.__file__).parent / "templates"
BY_TRIAL, OF_TASK = "svg[data-view=trial-0001]", ".tiles-saliency svg"
OPEN = "document.getElementById('viewer').open"
TITLE = "document.getElementById('viewer-title').textContent"
PLACE = "document.querySelector('[data-part=place]').textContent"
DIFFERENCE = {"setting": "images", "paper": "40,561", "here": "320"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    sweep, other = explained_sweep(folder / "runs"), finished_sweep(folder / "other")
    found = gather(sweep.store, sweep.ledger)
    definition = {**found.definition, "space": "p4_imageclef_attentive", "scale": "small", "differences": [DIFFERENCE]}
    texts = {
        "report": render(found),
        "paper": render(replace(found, definition=definition)),
        "compare": comparison_page(compare([found, gather(other.store, other.ledger)])),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text)
    return {name: folder / f"{name}.html" for name in texts}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def report(browser: Browser, pages: dict[str, Path]) -> Iterator[Page]:
    page = browser.page().open(pages["report"])
    yield page
    assert page.complaints() == page.fetched() == []


def test_errors_and_requests_would_be_noticed(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text("<img src='http://127.0.0.1:9/x.png'><script>console.error('said'); thrown.by = nobody;</script>")
    page = browser.page().open(path)
    assert page.fetched() == ["http://127.0.0.1:9/x.png"]
    told = " ".join(page.complaints())
    assert "said" in told
    assert "ReferenceError" in told


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["report", "paper", "compare"])
def test_a_page_shows_whole_without_a_complaint(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    page = browser.page(width=width, dark=width == 390).open(pages[name])
    assert page.complaints() == page.fetched() == []
    assert page.run("document.documentElement.scrollWidth") <= width
    pictures = page.run(
        "Promise.all([...document.querySelectorAll('image, img')].map(async (each) => {"
        "const one = new Image(); one.src = each.getAttribute('href') ?? each.src; await one.decode(); return one.naturalWidth;}))"
    )
    assert all(pictures)
    assert bool(pictures) == (name != "compare")
    background = page.run("getComputedStyle(document.body).backgroundColor")
    page.look(dark=width != 390)
    assert page.run("getComputedStyle(document.body).backgroundColor") != background


def test_names_of_any_length_leave_a_telephone_s_page_as_wide_as_it_is(
    browser: Browser, pages: dict[str, Path]
) -> None:
    page = browser.page(width=390).open(pages["paper"])
    page.run(
        "document.querySelectorAll('h3, h4, main p').forEach((each) => each.append('ensemble_of_laplace_kron'.repeat(4)))"
    )
    assert page.run("document.documentElement.scrollWidth") == 390


def gallery(page: Page, has: str) -> str:
    """Name of the first gallery that has such a cell."""
    name: str = page.run(f"document.querySelector({json.dumps(has)}).dataset.gallery")
    return name


def radiograph(page: Page, has: str, slide: int = 0) -> str:
    """Selector of a radiograph of that gallery."""
    return f'svg[data-gallery={gallery(page, has)}][data-slide="{slide}"][data-base]'


def names(page: Page, rows: str = "#results tbody tr:not([hidden])") -> list[str]:
    found: list[str] = page.run(
        f"[...document.querySelectorAll({json.dumps(rows)})].map((row) => row.cells[0].textContent.trim())"
    )
    return found


def numbers(page: Page, column: int) -> list[float]:
    cells = page.run(
        f"[...document.querySelectorAll('#results tbody tr')].map((row) => row.cells[{column}].dataset.sort)"
    )
    return [float(each) for each in cells if each]


def test_tables_sort_by_number_and_filter_by_words(report: Page) -> None:
    heads = report.run("[...document.querySelectorAll('#results thead th')].map((each) => each.textContent.trim())")
    column = heads.index("Accuracy")
    head = f"#results thead th:nth-child({column + 1})"
    report.click(f"{head} button")
    assert numbers(report, column) == sorted(numbers(report, column))
    assert len(numbers(report, column)) == 3
    report.click(f"{head} button")
    assert numbers(report, column) == sorted(numbers(report, column), reverse=True)
    assert report.run(f"document.querySelector({json.dumps(head)}).getAttribute('aria-sort')") == "descending"
    typed = "(() => { const box = document.querySelector('#trials input'); box.value = %s; box.dispatchEvent(new Event('input')); })()"
    report.run(typed % '"trial focal"')
    assert {each.split()[0] for each in names(report)} == {"trial-0000", "trial-0002"}
    report.run(typed % '"nothing like this"')
    assert names(report) == []
    assert not report.run("document.querySelector('#trials .missing').hidden")


def test_text_with_intervals_and_units_sorts_by_its_number(browser: Browser, tmp_path: Path) -> None:
    rows = "".join(f"<tr><td>{text}</td></tr>" for text in ("10 %", "9.5 %", "–", "-2 (-3 to 1)", "+0.3"))
    table = f"<table class=sortable><thead><tr><th>A</th></tr></thead><tbody>{rows}<tr class=sum><td>0</td></tr></tbody></table>"
    path = tmp_path / "table.html"
    path.write_text(f"<meta charset=utf-8>{table}<script>{(TEMPLATES / 'table.js').read_text()}</script>")
    page = browser.page().open(path)
    page.click("th button")
    assert names(page, "tbody tr") == ["-2 (-3 to 1)", "+0.3", "9.5 %", "10 %", "–", "0"]
    page.click("th button")
    assert names(page, "tbody tr") == ["10 %", "9.5 %", "+0.3", "-2 (-3 to 1)", "–", "0"]


def test_the_viewer_is_clicked_through_with_the_mouse(report: Page) -> None:
    assert not report.run(OPEN)
    report.click(radiograph(report, BY_TRIAL))
    assert report.run(OPEN)
    assert report.run(PLACE) == "1 of 3"
    first = report.run(TITLE)
    report.click("[data-do=next]")
    assert report.run(PLACE) == "2 of 3"
    assert report.run(TITLE) != first
    report.click("[data-do=previous]")
    report.click("[data-do=previous]")
    assert report.run(PLACE) == "3 of 3"
    report.click("[data-do=close]")
    assert not report.run(OPEN)


def test_the_viewer_needs_no_mouse(report: Page) -> None:
    first = json.dumps(radiograph(report, BY_TRIAL))
    report.run(f"document.querySelector({first}).focus()")
    report.press("Enter")
    assert report.run(OPEN)
    report.press("ArrowRight")
    assert report.run(PLACE) == "2 of 3"
    report.press("End")
    report.press("ArrowRight")
    assert report.run(PLACE) == "1 of 3"
    shown = "document.querySelector('[data-part=map-name]').textContent"
    assert report.run(shown) == "trial-0000"
    report.press("ArrowDown")
    assert report.run(shown) == "trial-0001"
    assert report.run("document.querySelectorAll('.viewer-maps [aria-pressed=true]').length") == 1
    report.press("ArrowLeft")
    assert (report.run(PLACE), report.run(shown)) == ("3 of 3", "trial-0001")
    report.press("Escape")
    assert not report.run(OPEN)
    assert report.run(f"document.activeElement === document.querySelector({first})")


def test_wrong_ones_can_be_looked_at_alone(report: Page) -> None:
    name = gallery(report, OF_TASK)
    report.click(f"[data-bar={name}] [data-show=wrong]")
    assert report.run("[...document.querySelectorAll('.tiles-saliency figure')].map((each) => each.hidden)") == [
        True,
        True,
        False,
        True,
    ]
    report.click(f"[data-bar={name}] .enlarge")
    assert report.run(PLACE) == "1 of 1"
    told = "document.querySelector('[data-part=facts]').textContent"
    assert "only correct predictions are scored" in report.run(told)
    choose = "(() => { const box = document.querySelector('[data-part=show]'); box.value = 'right'; box.dispatchEvent(new Event('change')); })()"
    report.run(choose)
    assert report.run(PLACE) == "1 of 3"
    assert "0.250, in random order 0.125" in report.run(told)


def test_outline_and_opacity_can_be_changed(report: Page) -> None:
    report.click(radiograph(report, OF_TASK, 1))
    line = "getComputedStyle(document.querySelector('dialog .outline')).display"
    assert report.run(line) != "none"
    report.click("[data-part=outline] input")
    assert report.run(line) == "none"
    slide = "(() => { const box = document.querySelector('[data-part=opacity]'); box.value = 30; box.dispatchEvent(new Event('input')); })()"
    report.run(slide)
    assert report.run("document.querySelector('dialog .map').getAttribute('opacity')") == "0.3"
    report.press("ArrowRight")
    assert report.run("document.querySelector('dialog .map').getAttribute('opacity')") == "0.3"


def test_a_telephone_shows_the_viewer_whole(browser: Browser, pages: dict[str, Path]) -> None:
    page = browser.page(width=390, height=800, dark=True).open(pages["report"])
    page.click(radiograph(page, BY_TRIAL))
    assert page.run("document.querySelector('dialog').scrollWidth <= document.querySelector('dialog').clientWidth")
    box = page.run("(({left, right}) => [left, right])(document.querySelector('dialog').getBoundingClientRect())")
    assert box[0] >= 0
    assert box[1] <= 390


def test_without_javascript_and_on_paper_the_grid_stands_still(browser: Browser, pages: dict[str, Path]) -> None:
    page = browser.page()
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(pages["report"])
    page.call("Emulation.setScriptExecutionDisabled", value=False)
    assert page.run("[...document.querySelectorAll('[data-bar]')].every((each) => each.offsetHeight === 0)")
    assert page.run("[...document.querySelectorAll('.tiles-saliency svg')].every((each) => each.clientHeight > 50)")
    page.look(printed=True)
    assert page.run("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert page.run("[...document.querySelectorAll('.tiles-saliency svg')].every((each) => each.clientHeight > 50)")
    assert page.pdf().startswith(b"%PDF")
    assert page.complaints() == []
