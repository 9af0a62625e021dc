"""Notice a change of a computation whose version was not raised.

`trainables/version_hashes.json` holds, for each computation of `trainables/spec/versions.py`, the version and the hash of
the code that it was committed with. A test fails when the code has changed and neither a raised version nor a line under
`unchanged` says what that means for results that exist.

    python tools/version_hashes.py                         what does not fit
    python tools/version_hashes.py --update                take over new and raised versions
    python tools/version_hashes.py --unchanged fit,predict "renamed a variable"
    python tools/version_hashes.py --modules fit           the modules that count
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syntax_hash import Package

ROOT = Path(__file__).resolve().parent.parent
USER_ERROR = 2


@dataclass(frozen=True, kw_only=True)
class Code:
    """The computations as the source has them now: name to version, modules and hash of the modules."""

    package: Package
    versions: dict[str, int]
    modules: dict[str, tuple[str, ...]]

    def hash(self, name: str) -> str:
        """Hash of the computation's code."""
        return self.package.hash(self.modules[name])


@dataclass(kw_only=True)
class Table:
    """The committed table; `unchanged` lists changes of code that left the numbers alone."""

    computations: dict[str, dict[str, Any]] = field(default_factory=dict)
    unchanged: list[dict[str, str]] = field(default_factory=list)

    def judged_unchanged(self, name: str, old: str, new: str) -> bool:
        """Whether lines of `unchanged` lead from the old hash to the new one."""
        steps = {line["from"]: line["to"] for line in self.unchanged if line["name"] == name}
        seen: set[str] = set()
        while old != new and old in steps and old not in seen:
            seen.add(old)
            old = steps[old]
        return old == new


def read_code(root: Path, package: str) -> Code:
    """Read `<package>/spec/versions.py` under `root` without importing it.

    Raises:
        LookupError: it is missing, or it gives a computation no modules.
    """
    versions_module = f"{package}.spec.versions"
    source = Package(root=root, name=package, left_out=frozenset({versions_module}))
    values: dict[str, Any] = {}
    for node in source.tree(versions_module).body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            values[node.target.id] = ast.literal_eval(node.value)
    versions, modules = values["VERSIONS"], values["MODULES"]
    if versions.keys() != modules.keys():
        odd = ", ".join(sorted(versions.keys() ^ modules.keys()))
        raise LookupError(
            f"{versions_module}: VERSIONS and MODULES must name the same computations, but differ in: {odd}."
        )
    return Code(package=source, versions=versions, modules=modules)


def read_table(path: Path) -> Table:
    """Read the committed table; an empty one when there is none yet."""
    if not path.exists():
        return Table()
    return Table(**json.loads(path.read_text(encoding="utf-8")))


def write_table(path: Path, table: Table) -> None:
    """Write the table, sorted, one computation or remark to a line, so that branches rarely meet in one."""
    computations = [
        f"    {json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(table.computations.items())
    ]
    unchanged = [f"    {json.dumps(line)}" for line in table.unchanged]
    text = '{\n  "computations": {\n' + ",\n".join(computations) + '\n  },\n  "unchanged": ['
    text += ("\n" + ",\n".join(unchanged) + "\n  ]" if unchanged else "]") + "\n}\n"
    path.write_text(text, encoding="utf-8")


def problems(code: Code, table: Table) -> dict[str, str]:
    """What does not fit, as one sentence with the way out for each computation; empty when all is well."""
    names = sorted(code.versions.keys() | table.computations.keys())
    found = {name: _problem(name, code, table) for name in names}
    return {name: message for name, message in found.items() if message}


def _problem(name: str, code: Code, table: Table) -> str:
    update = "run `python tools/version_hashes.py --update`"
    entry = table.computations.get(name)
    if entry is None:
        return f"'{name}' is new: {update}."
    if name not in code.versions:
        return f"'{name}' has left VERSIONS: {update}."
    version, recorded = code.versions[name], entry["version"]
    if version < recorded:
        return f"'{name}' went back from version {recorded} to {version}, whose results may exist: versions only rise."
    if version > recorded:
        return f"'{name}' was raised from version {recorded} to {version}: {update}."
    new = code.hash(name)
    if table.judged_unchanged(name, entry["hash"], new):
        return ""
    return (
        f"'{name}' is still version {version}, but its code has changed ({entry['hash']} -> {new}; `--modules {name}` lists "
        f"what counts). If its numbers may differ, raise it in VERSIONS and {update}, so that stored results are computed "
        f'anew; if they cannot, say why: `python tools/version_hashes.py --unchanged {name} "the reason"`.'
    )


def update(code: Code, table: Table) -> Table:
    """The table with new, raised and removed computations taken over; changed code alone is not."""
    kept: dict[str, dict[str, Any]] = {}
    for name, version in code.versions.items():
        entry = table.computations.get(name)
        if entry is None or version > entry["version"]:
            kept[name] = {"version": version, "hash": code.hash(name)}
        else:
            kept[name] = entry
    settled = {name for name in kept if kept[name] == table.computations.get(name)}
    return Table(computations=kept, unchanged=[line for line in table.unchanged if line["name"] in settled])


def note_unchanged(code: Code, table: Table, names: list[str], reason: str) -> Table:
    """The table with one remark for each name, and the present hashes.

    Raises:
        LookupError: a name that VERSIONS or the table does not have.
    """
    computations, remarks = dict(table.computations), list(table.unchanged)
    for name in names:
        if name not in code.versions or name not in computations:
            known = ", ".join(sorted(code.versions.keys() & computations.keys()))
            raise LookupError(f"There is no computation '{name}' in VERSIONS and the table; there are: {known}.")
        old, new = computations[name]["hash"], code.hash(name)
        if old != new:
            remarks.append({"name": name, "from": old, "to": new, "reason": reason})
            computations[name] = {**computations[name], "hash": new}
    return Table(computations=computations, unchanged=remarks)


def main(arguments: list[str] | None = None, root: Path = ROOT, package: str = "trainables") -> int:
    """The command line; exit code 1 when something does not fit."""
    options = _parser().parse_args(arguments)
    path = root / package / "version_hashes.json"
    try:
        code, table = read_code(root, package), read_table(path)
        if options.modules:
            print("\n".join(sorted(code.package.closure(code.modules[options.modules]))))
            return 0
        if options.unchanged:
            names, reason = options.unchanged
            table = note_unchanged(code, table, names.split(","), reason)
            write_table(path, table)
        if options.update:
            table = update(code, table)
            write_table(path, table)
        found = problems(code, table)
    except LookupError as error:
        print(f"version_hashes: {error.args[0]}", file=sys.stderr)
        return USER_ERROR
    print("\n".join(found.values()) or f"{len(code.versions)} computations fit their versions.")
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python tools/version_hashes.py", description=summary)
    parser.add_argument("--update", action="store_true", help="take over new, raised and removed versions")
    parser.add_argument("--unchanged", nargs=2, metavar=("NAMES", "REASON"), help="changed code, same numbers")
    parser.add_argument("--modules", metavar="NAME", help="list the modules whose code counts for a computation")
    return parser


if __name__ == "__main__":
    sys.exit(main())
