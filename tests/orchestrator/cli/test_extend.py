"""`orchestrator extend`: what goes on with a stored sweep, and what is refused with the difference."""

import json
from pathlib import Path

import pytest

from orchestrator import api
from orchestrator.storage.ledger import Ledger, Row
from tests.orchestrator.cli.program import SPACE, files, orchestrator, refusal


def rows_of(storage: Path) -> list[Row]:
    return [row for row in Ledger(storage, "tiny").rows() if row.kind == "trial"]


@pytest.fixture
def own(copied: Path, tmp_path: Path) -> Path:
    """The space file of the copied sweep, to be edited."""
    path = tmp_path / "tiny.py"
    path.write_text(SPACE)
    definition = copied / "sweeps" / "tiny" / "sweep.json"
    plain = json.loads(definition.read_text())
    plain["request"]["space"] = str(path)
    definition.write_text(json.dumps(plain))
    return path


@pytest.mark.usefixtures("away")
def test_more_trials_resources_and_tasks_go_on_from_the_name_alone(copied: Path) -> None:
    before = rows_of(copied)
    said = orchestrator(
        *("extend", "tiny", "--storage", copied, "--inline", "--quiet", "--json"),
        *("--trials", 5, "--cpus-per-trial", 2, "--tasks", "laplace_diag", "--set", "member_seeds=0"),
    )
    assert said.code == 0, said
    rows = rows_of(copied)
    assert rows[:3] == before
    assert [row.number for row in rows] == [0, 1, 2, 3, 4]
    definition = Ledger(copied, "tiny").definition()
    assert (definition["trials"], definition["resources"]["cpus"], definition["member_seeds"]) == (5, 2, 0)
    assert "laplace" in [task["kind"] for task in definition["posthoc"]]
    wanted = json.loads(said.out)["posthoc"]
    assert wanted["done"] == wanted["wanted"]
    again = api.extend("tiny", storage=copied, inline=True)  # asks for nothing new
    assert again.finished
    assert rows_of(copied) == rows
    assert Ledger(copied, "tiny").definition()["resources"]["cpus"] == 2


@pytest.mark.usefixtures("away")
def test_a_range_that_was_widened_in_the_file_keeps_the_draws(own: Path, copied: Path) -> None:
    own.write_text(SPACE.replace("1e-4, 1e-1", "1e-5, 1.0"))
    told = refusal("sweep", own, "--storage", copied, "--name", "tiny", "--trials", 5, "--inline", "--quiet")
    assert "orchestrator extend" in told
    before = rows_of(copied)
    said = orchestrator("extend", "tiny", "--storage", copied, "--trials", 5, "--inline", "--quiet")
    assert said.code == 0, said
    rows = rows_of(copied)
    for row, old in zip(rows, before, strict=False):
        assert (row.key, row.params, row.reports) == (old.key, old.params, old.reports)
    ranges = {tuple(json.loads(row.distributions["learning_rate"])["attributes"].items()) for row in rows}
    assert ranges == {(("step", None), ("low", 1e-5), ("high", 1.0), ("log", True))}
    same = orchestrator("sweep", own, "--storage", copied, "--name", "tiny", "--trials", 5, "--inline", "--quiet")
    assert same.code == 0, same


@pytest.mark.usefixtures("away")
def test_a_range_widened_by_the_call_belongs_to_the_sweep_from_then_on(own: Path, copied: Path) -> None:
    widened = api.extend("tiny", storage=copied, trials=4, widen={"dropout": (0.0, 0.9)}, inline=True)
    assert widened.finished
    assert orchestrator("posthoc", "tiny", "--storage", copied, "--inline", "--quiet").code == 0
    words = ("sweep", own, "--storage", copied, "--name", "tiny", "--trials", 5, "--inline", "--quiet")
    assert orchestrator(*words).code == 0
    assert {json.loads(row.distributions["dropout"])["attributes"]["high"] for row in rows_of(copied)} == {0.9}
    assert "0..0.9 now" in refusal("extend", "tiny", "--storage", copied, "--widen", "dropout=0..0.5")


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (("1e-4, 1e-1", "1e-3, 1e-1"), '"low": 0.0001'),
        (("log=True", "log=False"), '"log": true'),
        (("widths=(4, 8)", "widths=(8, 8)"), "widths"),
        (('"dropout", 0.0', '"rate", 0.0'), "rate"),
    ],
)
def test_a_space_that_no_longer_holds_its_draws_is_refused_with_the_difference(
    own: Path, copied: Path, edit: tuple[str, str], told: str
) -> None:
    own.write_text(SPACE.replace(*edit))
    before = files(copied / "sweeps")
    assert told in refusal("extend", "tiny", "--storage", copied, "--trials", 5, "--inline", "--quiet")
    assert files(copied / "sweeps") == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--set", "searcher=random"), 'searcher: "tpe" there, "random" here'),
        (("--set", "schedule/epochs=9"), 'overrides: {} there, {"schedule/epochs": 9} here'),
        (("--set", "scheduler=asha"), 'scheduler: null there, {"kind": "asha"} here'),
        (("--trials", "2"), "has 3 trials, and --trials 2 asks for fewer"),
        (("--widen", "dropout=0.1..0.9"), "does not contain it"),
        (("--widen", "dropuot=0..0.9"), "Did you mean 'dropout'"),
        (("--widen", "dropout"), "wants NAME=LOW..HIGH"),
        (("--widen", "learning_rate=0..0.9"), "begins above 0"),
        (("--tasks", "laplac"), "Did you mean"),
        (("--gpus-per-trial", "-1"), "x>=0"),
    ],
)
def test_what_is_no_extension_is_refused(words: tuple[str, ...], told: str, copied: Path) -> None:
    before = files(copied / "sweeps")
    assert told in refusal("extend", "tiny", "--storage", copied, *words)
    assert files(copied / "sweeps") == before


def test_a_sweep_that_is_not_there_is_told_with_the_nearest(copied: Path) -> None:
    assert "Did you mean 'tiny'" in refusal("extend", "tinny", "--storage", copied, "--trials", 5)
