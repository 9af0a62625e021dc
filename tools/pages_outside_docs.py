"""What mkdocs does beside building `docs`: CONTRIBUTING.md becomes a page, though it lies where GitHub looks for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

OUTSIDE = ("CONTRIBUTING.md", "cluster.yaml")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie above `docs`."""
    from mkdocs.structure.files import File

    root = Path(config.config_file_path).parent
    for name in OUTSIDE:
        files.append(File.generated(config, name, content=(root / name).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links that lead above `docs` lead to where those pages are in the site."""
    depth = page.file.src_uri.count("/")
    for name in OUTSIDE:
        markdown = markdown.replace(f"]({'../' * (depth + 1)}{name}", f"]({'../' * depth}{name}")
    return markdown
