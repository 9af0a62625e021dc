"""What the pages say can be done: their code runs, their commands parse, their links lead somewhere."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import optuna
import pytest
from PIL import Image

from orchestrator import api
from orchestrator.cli import COMMANDS, cli
from orchestrator.exporting import export
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.tracking.memory import MemoryTracker
from orchestrator.tracking.protocol import Artifact
from trainables.spec import SmallCNN, Synthetic, TrialSpec

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:^|[\s'&])orchestrator (?P<words>[a-z-].*)")
TINY = {"data/images": 64, "data/size": 32, "schedule/epochs": 1}


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(page.read_text()) if name == language]


def command_texts(page: Path) -> Iterator[str]:
    """Every `orchestrator ...` of a page's shell blocks and code spans, without comments."""
    text = page.read_text()
    lines = [line for block in blocks(page, "") for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *SPAN.findall(BLOCK.sub("", text))]:
        found = COMMAND.search(line.split(" #")[0])
        if found:
            yield found["words"].split("'")[0].strip()


def heading_anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


COMMANDS_OF_PAGES = sorted({(page_name(page), text) for page in PAGES for text in command_texts(page)})
LINKS = sorted({(page_name(page), link) for page in PAGES for link in LINK.findall(BLOCK.sub("", page.read_text()))})


@pytest.mark.parametrize(("page", "text"), COMMANDS_OF_PAGES)
def test_a_command_exists_with_its_options(page: str, text: str) -> None:
    name, *arguments = shlex.split(text)
    assert name in COMMANDS, f"{page}: there is no command {name!r}"
    with click.Context(cli) as context:
        command = cli.get_command(context, name)
        assert command is not None
        command.make_context(name, arguments, parent=context)  # refuses unknown options and values of another type


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_a_relative_link_resolves(page: str, link: str) -> None:
    if link.startswith(("http://", "https://", "mailto:")):
        return
    path, _, anchor = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    assert target.exists(), f"{page} links to {link}"
    if anchor:
        assert anchor in heading_anchors(target)


def test_the_index_names_every_page() -> None:
    linked = {link for page, link in LINKS if page == "docs/README.md"}
    pages = {str(page.relative_to(DOCS)) for page in [*DOCS.glob("*.md"), *DOCS.glob("how-to-add/*.md")]}
    assert pages - {"README.md"} <= linked


def test_commands_and_links_are_found_at_all() -> None:
    assert ("docs/first-sweep.md", "sweep demo --dry-run") in COMMANDS_OF_PAGES
    assert len(COMMANDS_OF_PAGES) > 40
    assert ("docs/README.md", "data.md") in LINKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("docs")


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    # MLflow is not what these pages are about, and a new database of it takes longer than a tiny sweep
    monkeypatch.setattr("orchestrator.tracking.mirror_process.MirrorProcess.sync", lambda process: 0)
    monkeypatch.setattr("orchestrator.sweep.session.open_tracker", lambda storage, name: MemoryTracker(name))
    monkeypatch.setattr(
        "orchestrator.tracking.pictures._picture", lambda identity, draw: Artifact(identity=identity, content=bytes)
    )
    return folder


def test_the_space_of_the_page_runs_as_it_stands_there(here: Path) -> None:
    (source,) = blocks(DOCS / "your-own-sweep.md", "python")
    assert len(source.splitlines()) < 40
    (here / "my_space.py").write_text(source)
    ended = api.run("my_space.py", trials=2, inline=True, settings=TINY)
    assert ended.finished
    assert not ended.failed_trials
    assert not ended.failed_tasks
    frame = api.results("my_space")
    assert list(frame["kind"]) == ["trial", "trial", "member", "ensemble"]
    assert frame["metrics/test/accuracy"].notna().all()


def test_the_code_for_python_runs_in_its_order(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for source in blocks(DOCS / "python-api.md", "python"):
        exec(compile(source, "docs/python-api.md", "exec"), names)
    assert "report.html" in capsys.readouterr().out
    assert len(names["trials"]) == 2
    (source,) = blocks(DOCS / "identity-and-store.md", "python")
    exec(compile(source, "docs/identity-and-store.md", "exec"), names)
    key = next(path.name for path in (here / "runs" / "artifacts" / "evaluation").iterdir())
    assert 0 <= names["read_metrics"](here / "runs", key)["test/accuracy"] <= 1
    _use_the_exported_model(here)


def _use_the_exported_model(here: Path) -> None:
    """The code of the page on models, on an export of the sweep that the code for Python has run."""
    export(Store(here / "runs"), Ledger(here / "runs", "demo"), here / "chest")
    (here / "images").mkdir()
    gradient = np.add.outer(np.arange(64), 2 * np.arange(64)).astype(np.uint8)
    Image.fromarray(gradient).save(here / "images" / "one.png")
    names: dict[str, Any] = {}
    (source,) = blocks(DOCS / "models.md", "python")
    exec(compile(source, "docs/models.md", "exec"), names)
    assert names["good"] == [0], "two.dcm is not there"
    assert names["problems"][0] is None
    assert "two.dcm" in str(names["problems"][1])
    assert names["answers"].log_probs.exp().sum().item() == pytest.approx(1)


def test_the_embedded_radiograph_of_the_page_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    (source,) = blocks(DOCS / "embedded-data.md", "python")
    exec(compile(source, "docs/embedded-data.md", "exec"), names)
    assert names["radiograph"].pixels.shape == (128, 128)
    assert "p00001" in capsys.readouterr().out


def test_the_loss_and_the_optimiser_of_the_page_belong_together() -> None:
    names: dict[str, Any] = {}
    (source,) = blocks(DOCS / "losses.md", "python")
    exec(compile(source, "docs/losses.md", "exec"), names)
    TrialSpec(data=Synthetic(), model=SmallCNN(), loss=names["loss"], optimizer=names["optimizer"])


def test_the_augmentations_of_the_page_can_be_drawn() -> None:
    names: dict[str, Any] = {}
    (source,) = blocks(DOCS / "data.md", "python")
    exec(compile(source, "docs/data.md", "exec"), names)
    trial = optuna.trial.FixedTrial({"augmentation": "P1"})
    assert names["drawn"](trial).rotate_degrees == 10
