"""What must not be in the tree is found, and ordinary files pass."""

from pathlib import Path, PurePosixPath

import check_tree
import pytest


def findings(root: Path, name: str, text: str) -> list[str]:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return list(check_tree.check_file(root, PurePosixPath(name)))


@pytest.mark.parametrize(
    "line",
    [
        "torch @ https://example.org/torch-2.15.0-cp311.{}".format("whl"),
        "torch @ file:torch",
        "index = 'https://example.org/{}/'".format("simple"),
        "--{} https://example.org".format("index-url"),
        "DATA = '{}'".format("/".join(["", "home", "someone", "data"])),
        "path: {}".format("/".join(["", "work", "main"])),
    ],
)
def test_addresses_and_machine_paths_are_found(tmp_path: Path, line: str) -> None:
    assert len(findings(tmp_path, "docs/page.md", f"first\n{line}\n")) == 1


@pytest.mark.parametrize(
    "line",
    [
        "see https://example.org/home/page and https://docs.ray.io/en/latest/",
        "storage: ~/{0}/runs, $HOME/{0}, ./{0}/x, ../shared/data".format("work"),
        "--no-emit-index-url --no-emit-find-links",
        "s3://bucket/{}/x".format("work"),
    ],
)
def test_ordinary_lines_pass(tmp_path: Path, line: str) -> None:
    assert findings(tmp_path, "docs/page.md", line) == []


def test_vague_module_names_are_found(tmp_path: Path) -> None:
    assert "vague name" in findings(tmp_path, "trainables/utils.py", "")[0]
    assert "vague name" in findings(tmp_path, "orchestrator/helpers/tables.py", "")[0]
    assert findings(tmp_path, "trainables/fit.py", "") == []


def test_a_file_of_a_package_has_at_most_300_lines(tmp_path: Path) -> None:
    assert findings(tmp_path, "trainables/fit.py", "x = 1\n" * 300) == []
    assert "301 lines" in findings(tmp_path, "trainables/fit.py", "x = 1\n" * 301)[0]
    assert findings(tmp_path, "tests/test_fit.py", "x = 1\n" * 301) == []


def test_packages_and_other_locks_are_found(tmp_path: Path) -> None:
    for name in ("uv.lock", "pylock.toml", "vendor/torch.{}".format("whl")):
        assert len(findings(tmp_path, name, "")) == 1, name


def test_a_binary_file_is_not_read_as_text(tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\0" + b"/".join([b"", b"home", b"someone"]))
    assert list(check_tree.check_file(tmp_path, PurePosixPath("picture.png"))) == []
