import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest

from orchestrator.report.text import number_text
from orchestrator.report.write import write_report
from orchestrator.results import result_rows
from search_spaces.objective import Objective
from tests.orchestrator.report.tiny_sweep import TinySweep, finished_sweep

VOID = {"meta", "wbr", "input", "br", "img", "link", "hr"}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order, every id is given once."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [value or "" for _, each, value in self.attributes if each == name]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def page_of(sweep: TinySweep, tmp_path: Path) -> tuple[str, Page]:
    path = write_report(sweep.store, sweep.ledger, tmp_path / "out" / "report.html")
    text = path.read_text()
    return text, Page(text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[TinySweep, str, Page]:
    folder = tmp_path_factory.mktemp("finished")
    sweep = finished_sweep(folder / "storage")
    sweep.add_failed_task(sweep.ledger.rows()[1], "ValueError: <script>alert('task')</script>\nTraceback ...")
    return sweep, *page_of(sweep, folder)


def test_the_file_fetches_nothing(finished: tuple[TinySweep, str, Page]) -> None:
    _, text, page = finished
    assert "http://" not in text
    assert "https://" not in text
    for name in ("src", "href", "srcset", "action", "poster"):
        assert all(
            value.startswith(("#", "data:image/png;base64,", "data:image/webp;base64,")) for value in page.values(name)
        )
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", text)
    assert len(text) < 3_000_000


def test_ids_are_given_once_and_every_reference_has_its_id(finished: tuple[TinySweep, str, Page]) -> None:
    _, text, page = finished
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    wanted = {value[1:] for value in page.values("href") if value.startswith("#")} | set(
        re.findall(r"url\(#([\w-]+)\)", text)
    )
    assert wanted <= set(ids)


def test_every_picture_is_well_formed_and_has_a_text_for_those_who_cannot_see_it(
    finished: tuple[TinySweep, str, Page],
) -> None:
    _, text, _ = finished
    pictures = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(pictures) >= 3 + 3 + 4 + 2 + 8  # learning, search, reliability, perturbation, saliency
    for picture in pictures:
        assert ElementTree.fromstring(picture).attrib["aria-label"]


def test_numbers_are_those_of_the_manifests(finished: tuple[TinySweep, str, Page]) -> None:
    sweep, text, _ = finished
    lines = re.search(r'<table class="sortable filterable" id="results"[^>]*>(.*?)</table>', text, re.DOTALL)[1].split(
        "<tr "
    )[1:]  # type: ignore[index]
    rows = result_rows(sweep.store, sweep.ledger)
    assert len(lines) == len(rows)
    for row, line in zip(rows, lines, strict=True):
        shown = re.findall(r'<td class="number" data-sort="[^"]*">([^<]*)(?:<div class="note">[^<]*</div>)?</td>', line)
        expected = []
        if row.results:
            metrics = sweep.store.manifest(row.results.get("evaluation", row.key)).meta["metrics"]
            expected = [number_text(metrics[f"test/{name}"]) for name in ("accuracy", "macro_f1", "nll", "brier")]
        assert shown[2:6] == (expected or ["–"] * 4), row.name


def test_the_calibration_table_holds_what_the_tasks_found(finished: tuple[TinySweep, str, Page]) -> None:
    sweep, text, _ = finished
    section = text[text.index('<section id="calibration">') : text.index('<section id="search">')]
    best = result_rows(sweep.store, sweep.ledger)[0]
    for task in ("evaluation", "temperature"):
        metrics = sweep.store.manifest(best.results[task]).meta["metrics"]
        numbers = [number_text(metrics[f"test/{name}"]) for name in ("accuracy", "nll", "ece", "brier")]
        assert numbers in [re.findall(r">([\d.]+)<", line)[:4] for line in section.split("<tr>")]


def test_messages_and_class_names_are_text_and_never_markup(finished: tuple[TinySweep, str, Page]) -> None:
    _, text, page = finished
    assert text.count("<script>") == 1
    assert "<b>" not in text
    assert "ValueError: <script>alert('task')</script>" in page.text
    assert "FloatingPointError: <script>alert('loss')</script>" in page.text
    assert "<b>opacity</b> & $x$ → <b>opacity</b> & $x$" in page.text


def test_states_reasons_and_remarks_are_told(finished: tuple[TinySweep, str, Page]) -> None:
    _, _, page = finished
    assert "4 of 6 trials drawn: 2 completed, 1 stopped, 1 failed." in page.text
    assert "by the scheduler, after epoch 1" in page.text
    assert "Patients are unknown." in page.text
    assert "Localisation leaves out 12 to 13 of 64 images" in page.text
    assert "c0ffee" in page.text
    assert "a <fast> device" in page.text


def test_an_empty_sweep_says_what_is_missing(tmp_path: Path) -> None:
    _, page = page_of(TinySweep(tmp_path), tmp_path)
    for sentence in (
        "No trial is complete",
        "none started",
        "No trial has been drawn yet.",
        "No network has been evaluated on test yet.",
        "No trial has finished an epoch yet.",
        "Fewer than two trials have reported the objective so far.",
        "No network has been explained yet.",
        "No ensemble has been pooled yet.",
        "There is no best network with predictions on test yet.",
        "No data set has been prepared yet.",
        "Nothing has been computed yet.",
    ):
        assert sentence in page.text, sentence


def test_a_sweep_that_asks_for_no_ensemble_has_no_section_on_them(tmp_path: Path) -> None:
    sweep = TinySweep(tmp_path)
    definition = sweep.ledger.definition()
    kept = [task for task in definition["posthoc"] if task["kind"] != "ensemble"]
    assert len(kept) < len(definition["posthoc"])
    sweep.ledger.write_definition({**definition, "posthoc": kept})
    text, page = page_of(sweep, tmp_path)
    assert "ensemble has been pooled" not in page.text
    assert 'id="statistics"' in text
    assert 'id="ensembles"' not in text
    assert 'href="#ensembles"' not in text


def test_short_parameters_stand_beside_the_names_and_long_ones_at_the_end(tmp_path: Path) -> None:
    def first_heads(**params: object) -> list[str]:
        sweep = TinySweep(tmp_path)
        row = sweep.add_trial(0)
        row.params = params
        sweep.ledger.write_row(row)
        text, _ = page_of(sweep, tmp_path)
        heads = text.partition('id="results"')[2].partition("</thead>")[0]
        return re.sub(r"<[^>]+>", " ", heads.partition(">")[2]).split()

    assert first_heads(network="p1_small", seed=2)[:3] == ["Name", "Parameters", "State"]
    long = first_heads(network="densenet201", learning_rate=0.0012, dropout=0.25)
    assert long[:2] == ["Name", "State"]
    assert long[-1] == "Parameters"


def test_a_sweep_whose_only_trial_failed_has_a_report(tmp_path: Path) -> None:
    sweep = TinySweep(tmp_path)
    sweep.add_data()
    sweep.add_trial(0, state="failed", epochs=0, reason="OSError: no space left")
    _, page = page_of(sweep, tmp_path)
    assert "1 failure" in page.text
    assert "OSError: no space left" in page.text


def test_a_half_finished_sweep_shows_the_epochs_so_far(tmp_path: Path) -> None:
    sweep = TinySweep(tmp_path)
    sweep.add_trial(0, state="running", epochs=2)
    text, page = page_of(sweep, tmp_path)
    assert "NLL on val by epoch" in text
    assert "1 running" in page.text
    assert "No trial is complete" in page.text


def test_a_network_without_results_or_files_has_a_report(tmp_path: Path) -> None:
    sweep = TinySweep(tmp_path)
    sweep.add_trial(0)
    _, page = page_of(sweep, tmp_path)
    assert "Best trial: trial-0000 (learning_rate 0.1, loss focal), chosen by " in page.text
    assert "It has not been evaluated on test." in page.text


def test_several_objectives_have_a_front(tmp_path: Path) -> None:
    sweep = TinySweep(tmp_path, Objective(metric="val/accuracy", mode="max"), Objective(metric="val/ece", mode="min"))
    sweep.add_trial(0, epochs=2)
    sweep.add_trial(1, epochs=3)
    sweep.add_trial(2, epochs=3)
    _, page = page_of(sweep, tmp_path)
    assert "Pareto front of the 2 objectives: trial-0000, trial-0001." in page.text


def test_chromium_shows_it_without_an_error_and_sorts_the_table(
    finished: tuple[TinySweep, str, Page], tmp_path: Path
) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium on this machine")
    _, text, _ = finished
    probe = """<script>
    document.querySelectorAll("#results thead button")[3].click();
    document.body.dataset.first = document.querySelector("#results tbody th").textContent.trim();
    document.body.dataset.fetched = performance.getEntriesByType("resource").filter((e) => !e.name.startsWith("data:")).length;
    </script>"""
    page = tmp_path / "page.html"
    page.write_text(text.replace("</body>", f"{probe}</body>"))
    options = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --enable-logging=stderr --dump-dom"
    )
    command = [browser, *options.split(), f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    assert "CONSOLE" not in shown.stderr
    assert 'data-first="ensemble_top_3 best"' in shown.stdout
    assert 'data-fetched="0"' in shown.stdout
