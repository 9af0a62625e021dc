"""Where in a user's own file an error comes from."""

from __future__ import annotations

import traceback


def where_in(error: BaseException, file: str) -> str:
    """The innermost place of an error that lies in a file, as `file, line 7`; empty if none does.

    What a user's line calls may break deep inside a library; the line is what the user can mend.
    """
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{file}, line {lines[-1]}" if lines else ""
