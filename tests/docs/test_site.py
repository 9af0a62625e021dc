"""The pages as a site: it is built without a warning, every page is in it, and it fetches nothing from outside."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OUTSIDE = re.compile(r"^(https?:)?//", re.IGNORECASE)
IN_CSS = re.compile(r"""(?:@import\s*|url\()\s*["']?((?:https?:)?//[^"')]+)""", re.IGNORECASE)
FETCHING = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
}


class Fetched(HTMLParser):
    """Collects what a browser would fetch by itself when it opens the page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.styles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in FETCHING.get(tag, ())]
        self.styles += [value or "" for name, value in attrs if name == "style"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_in_the_site(site: Path) -> None:
    for page in DOCS.rglob("*.md"):
        name = page.relative_to(DOCS).with_suffix(".html")
        assert (site / (name.with_name("index.html") if name.stem == "README" else name)).is_file(), name
    assert (site / "CONTRIBUTING.html").is_file()


def test_nothing_is_fetched_from_outside(site: Path) -> None:
    fetched = 0
    for page in site.rglob("*.html"):
        parser = Fetched()
        parser.feed(page.read_text())
        outside = [address for address in parser.addresses if OUTSIDE.match(address)]
        assert not outside, f"{page.name} fetches {outside}"
        fetched += len(parser.addresses)
        assert not any(IN_CSS.search(style) for style in parser.styles)
    assert fetched > 100
    for sheet in site.rglob("*.css"):
        assert not IN_CSS.search(sheet.read_text()), f"{sheet.name} fetches {IN_CSS.findall(sheet.read_text())}"


def test_the_reference_has_the_functions_with_their_docstrings(site: Path) -> None:
    page = (site / "api" / "orchestrator.html").read_text()
    for name in ("run", "results", "evaluate", "explain", "audit"):
        assert f'id="orchestrator.api.{name}"' in page
    assert "folder of sweeps and artifacts" in page
    assert 'id="trainables.losses.focal.focal"' in (site / "api" / "losses.html").read_text()


def test_the_search_knows_the_pages(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text()
    assert "laplace.html" in index
    assert "tutorial.html" in index
