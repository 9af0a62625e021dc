"""The code of the how-to pages, put where the pages say that it goes."""

import re
from pathlib import Path

TITLED = re.compile(
    r'^```(?P<language>python|diff) title="(?P<path>[^"]+)"\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE
)


def titled_blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, file and text of every block that names a file."""
    return [(found["language"], found["path"], found["text"]) for found in TITLED.finditer(page.read_text())]


def put_in(page: Path, root: Path) -> None:
    """Write a page's new files below a folder, and change the files that are there.

    Raises:
        AssertionError: a new file is there already, or lines that the page wants to change are not there once.
    """
    for language, path, text in titled_blocks(page):
        place = root / path
        if language == "python":
            assert not place.exists(), f"{page.name}: {path} is there already"
            place.write_text(text)
            continue
        source = place.read_text()
        for hunk in text.split("@@\n"):
            before = "".join(line[1:] + "\n" for line in hunk.splitlines() if line[:1] in " -")[:-1]
            after = "".join(line[1:] + "\n" for line in hunk.splitlines() if line[:1] in " +")[:-1]
            assert source.count(before) == 1, (
                f"{page.name}: {path} has these lines {source.count(before)} times:\n{before}"
            )
            source = source.replace(before, after)
        place.write_text(source)
