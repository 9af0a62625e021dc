"""A stand-in for rsync where there is none: the one call that Ray's cluster launcher makes, over ssh and tar.

`rsync --rsh "ssh ..." -avz [--exclude PATTERN] SOURCE USER@HOST:TARGET` copies everything anew; it knows no difference.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Copy a file, or the content of a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rsh", required=True)
    parser.add_argument("-avz", action="store_true")
    parser.add_argument("--exclude", action="append", default=[])
    parser.add_argument("--filter", action="append", default=[])
    parser.add_argument("source")
    parser.add_argument("target")
    given = parser.parse_args()
    host, target = given.target.split(":", 1)
    source = Path(given.source)
    shell = [*shlex.split(given.rsh), host]
    if source.is_dir():
        patterns = [f"--exclude={pattern.removeprefix('**/')}" for pattern in given.exclude]
        pack = ["tar", "-C", str(source), *patterns, "-czf", "-", "."]
        with subprocess.Popen(pack, stdout=subprocess.PIPE) as packed:
            return subprocess.run(
                [*shell, f"mkdir -p {target} && tar -C {target} -xzf -"], stdin=packed.stdout, check=False
            ).returncode
    mode = f"{source.stat().st_mode & 0o777:o}"
    with source.open("rb") as content:
        write = f"mkdir -p $(dirname {target}) && cat > {target} && chmod {mode} {target}"
        return subprocess.run([*shell, write], stdin=content, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
