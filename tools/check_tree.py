"""Refuse what must not be in the tree: download addresses, paths of one machine, vague names, long files.

Run by `make check`. It looks at what git tracks or would track, so runs and caches are left alone.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

PACKAGES = ("orchestrator", "trainables", "search_spaces")
MOST_LINES = 300
VAGUE_NAMES = frozenset({"utils", "helpers", "common", "misc", "manager", "cfg"})
REFUSED_FILES = re.compile(r"(\.whl|\.tgz|(^|/)uv\.lock|(^|/)pylock(\.\w+)?\.toml)$")
REFUSED_TEXT = (
    (re.compile(r"\b(?:https?|ftp)://\S+\.(?:whl|tgz)\b"), "the download address of a package"),
    (re.compile(r"^\S+ @ file:"), "a package of one machine"),
    (re.compile(r"\bhttps?://\S*/simple(?:/|\b)"), "the address of a package index"),
    (re.compile(r"--(?:extra-)?index-url[= ]\s*\S|--find-links[= ]\s*\S*/"), "an option that names a package index"),
    (re.compile(r"(?<![\w.~$}>/:-])/(?:work|home|root|Users)/\w"), "a path that exists on one machine only"),
)


def main() -> int:
    """Print every finding as `path:line: message`; exit code 1 when there is one."""
    root = Path(__file__).resolve().parent.parent
    findings = [finding for path in tracked_files(root) for finding in check_file(root, path)]
    for finding in findings:
        print(finding)
    return 1 if findings else 0


def tracked_files(root: Path) -> list[PurePosixPath]:
    """Files that git tracks, and new ones that it does not ignore.

    Raises:
        SystemExit: `root` is no git checkout.
    """
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    if listing.returncode:
        sys.exit(f"check_tree: git cannot list the files of {root}: {listing.stderr.strip()}")
    paths = sorted({PurePosixPath(name) for name in listing.stdout.split("\0") if name})
    return [path for path in paths if (root / path).is_file()]


def check_file(root: Path, path: PurePosixPath) -> Iterator[str]:
    """Findings for one file, `path` being relative to `root`."""
    if REFUSED_FILES.search(str(path)):
        yield f"{path}:1: packages and locks with download addresses stay out of the tree; requirements.lock is the lock"
        return
    if path.suffix == ".py" and VAGUE_NAMES & {path.stem, *path.parent.parts}:
        yield f"{path}:1: a vague name; call the module after what it holds"
    content = (root / path).read_bytes()
    if b"\0" in content:
        return
    lines = content.decode("utf-8", errors="replace").splitlines()
    if path.suffix == ".py" and path.parts[0] in PACKAGES and len(lines) > MOST_LINES:
        yield f"{path}:{MOST_LINES + 1}: {len(lines)} lines; split the file by what its parts are about"
    for number, line in enumerate(lines, start=1):
        for pattern, what in REFUSED_TEXT:
            if pattern.search(line):
                yield f"{path}:{number}: {what}"


if __name__ == "__main__":
    sys.exit(main())
