"""A computation whose code has changed needs a raised version, or a line that says why its numbers are the same."""

import json
from pathlib import Path
from textwrap import dedent

import pytest
import version_hashes
from syntax_hash import Package

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A package `sums` with two computations; `add` uses a rule that it imports by way of `sums.rules`."""
    write(tmp_path, "sums/__init__.py", "")
    write(tmp_path, "sums/spec/__init__.py", "from sums.spec.versions import VERSIONS\n")
    write(tmp_path, "sums/spec/versions.py", versions(add=1, halve=1))
    write(
        tmp_path, "sums/rules/__init__.py", "from sums.rules.carry import carry\nfrom sums.rules.round import nearest\n"
    )
    write(tmp_path, "sums/rules/carry.py", "def carry(x):\n    return x + 1\n")
    write(tmp_path, "sums/rules/round.py", "def nearest(x):\n    return round(x)\n")
    write(
        tmp_path,
        "sums/add.py",
        "import json\nfrom sums.rules import carry\n\ndef add(a, b):\n    return carry(a + b)\n",
    )
    write(tmp_path, "sums/halve.py", "from .spec import VERSIONS\n\ndef halve(a):\n    return a / 2\n")
    run(tmp_path, "--update")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))


def versions(add: int, halve: int) -> str:
    return f"""
        VERSIONS: dict[str, int] = {{"add": {add}, "halve": {halve}}}
        MODULES: dict[str, tuple[str, ...]] = {{"add": ("sums.add",), "halve": ("sums.halve",)}}
    """


def run(root: Path, *arguments: str) -> int:
    return version_hashes.main(list(arguments), root=root, package="sums")


def problems(root: Path) -> dict[str, str]:
    table = version_hashes.read_table(root / "sums" / "version_hashes.json")
    return version_hashes.problems(version_hashes.read_code(root, "sums"), table)


def test_the_committed_table_fits_the_code() -> None:
    code = version_hashes.read_code(ROOT, "trainables")
    table = version_hashes.read_table(ROOT / "trainables" / "version_hashes.json")
    found = version_hashes.problems(code, table)
    assert not found, "\n".join(found.values())


def test_a_fresh_table_fits(root: Path) -> None:
    assert problems(root) == {}
    assert run(root) == 0


def test_changed_code_without_a_raised_version_is_found(root: Path) -> None:
    write(root, "sums/halve.py", "def halve(a):\n    return a / 3\n")
    found = problems(root)
    assert set(found) == {"halve"}
    assert "still version 1" in found["halve"]
    assert "--unchanged halve" in found["halve"]
    assert run(root) == 1


def test_a_change_in_an_imported_module_is_found_where_it_is_used(root: Path) -> None:
    write(root, "sums/rules/carry.py", "def carry(x):\n    return x + 2\n")
    assert set(problems(root)) == {"add"}


def test_a_change_in_a_neighbour_that_is_not_used_is_no_change(root: Path) -> None:
    write(root, "sums/rules/round.py", "def nearest(x):\n    return int(x)\n")
    assert problems(root) == {}


def test_comments_docstrings_layout_and_annotations_for_checkers_are_no_change(root: Path) -> None:
    text = '''
        """Halves."""

        from typing import TYPE_CHECKING

        from .spec import VERSIONS

        if TYPE_CHECKING:
            from sums.add import add


        def halve(
            a,
        ):
            """Half of a."""
            # by two
            return (a / 2)
    '''
    plain = "from typing import TYPE_CHECKING\nfrom .spec import VERSIONS\ndef halve(a): return a / 2\n"
    write(root, "sums/halve.py", plain)
    before = Package(root=root, name="sums").hash(("sums.halve",))
    write(root, "sums/halve.py", text)
    assert Package(root=root, name="sums").hash(("sums.halve",)) == before


def test_a_raised_version_asks_for_an_update_and_then_fits(root: Path) -> None:
    write(root, "sums/halve.py", "def halve(a):\n    return a / 3\n")
    write(root, "sums/spec/versions.py", versions(add=1, halve=2))
    assert "raised from version 1 to 2" in problems(root)["halve"]
    assert run(root, "--update") == 0
    assert problems(root) == {}


def test_raising_one_version_touches_no_other(root: Path) -> None:
    write(root, "sums/spec/versions.py", versions(add=2, halve=1))
    assert set(problems(root)) == {"add"}


def test_an_update_does_not_hide_changed_code(root: Path) -> None:
    write(root, "sums/halve.py", "def halve(a):\n    return a / 3\n")
    assert run(root, "--update") == 1
    assert set(problems(root)) == {"halve"}


def test_an_unchanged_line_settles_a_change_and_leaves_its_reason(root: Path) -> None:
    write(root, "sums/halve.py", "def halve(number):\n    return number / 2\n")
    assert run(root, "--unchanged", "halve,add", "renamed the argument") == 0
    table = json.loads((root / "sums/version_hashes.json").read_text())
    assert [(line["name"], line["reason"]) for line in table["unchanged"]] == [("halve", "renamed the argument")]
    write(root, "sums/spec/versions.py", versions(add=1, halve=2))
    run(root, "--update")
    assert json.loads((root / "sums/version_hashes.json").read_text())["unchanged"] == []


def test_an_unchanged_line_written_by_hand_counts(root: Path) -> None:
    path = root / "sums/version_hashes.json"
    old = json.loads(path.read_text())["computations"]["halve"]["hash"]
    write(root, "sums/halve.py", "def halve(number):\n    return number / 2\n")
    new = Package(root=root, name="sums").hash(("sums.halve",))
    table = version_hashes.read_table(path)
    table.unchanged.append({"name": "halve", "from": old, "to": new, "reason": "renamed"})
    version_hashes.write_table(path, table)
    assert set(problems(root)) <= {"halve"}


def test_versions_only_rise_and_leaving_ones_are_named(root: Path) -> None:
    write(root, "sums/spec/versions.py", versions(add=0, halve=1))
    assert "versions only rise" in problems(root)["add"]
    write(root, "sums/spec/versions.py", 'VERSIONS: dict = {"halve": 1}\nMODULES: dict = {"halve": ("sums.halve",)}\n')
    assert "left VERSIONS" in problems(root)["add"]


def test_mistakes_are_told_plainly(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root, "--unchanged", "multiply", "typo") == 2
    assert "there are: add, halve" in capsys.readouterr().err
    write(root, "sums/spec/versions.py", 'VERSIONS: dict = {"add": 1}\nMODULES: dict = {"halve": ("sums.halve",)}\n')
    assert run(root) == 2
    assert "differ in: add, halve" in capsys.readouterr().err
    write(root, "sums/spec/versions.py", 'VERSIONS: dict = {"add": 1}\nMODULES: dict = {"add": ("sums.gone",)}\n')
    assert run(root, "--update") == 2
    assert "no module sums.gone" in capsys.readouterr().err
