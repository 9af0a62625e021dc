"""Python and the packages that the project names, by their metadata alone: nothing is imported."""

from __future__ import annotations

import platform
import sys
import tomllib
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from orchestrator.doctor.findings import Checked, Finding

DISTRIBUTION = "xray-orchestrator"
LEAST_PYTHON = (3, 11)
INSTALL = "Run `make setup` in the checkout, or: pip install --upgrade"


def check_python(version: Sequence[int] = sys.version_info[:2]) -> Checked:
    """Python is new enough."""
    facts = {"python": platform.python_version()}
    if tuple(version[:2]) >= LEAST_PYTHON:
        return Checked(facts=facts)
    found, least = (".".join(map(str, each[:2])) for each in (version, LEAST_PYTHON))
    message = f"This is Python {found}, and the program needs {least} or newer."
    return Checked(facts=facts, findings=(Finding(kind="python", message=message, remedy=f"Install Python {least}."),))


def check_packages(wanted: Sequence[str] | None = None) -> Checked:
    """Every package that the project needs is there, in a version that it allows.

    Args:
        wanted: requirements as pip reads them; the project's own if left out.
    """
    from packaging.requirements import Requirement

    versions: dict[str, str] = {}
    findings = []
    for text in requirements() if wanted is None else wanted:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            findings.append(_finding(f"The package {requirement.name} is not installed.", text))
            continue
        versions[requirement.name] = found
        if not requirement.specifier.contains(found, prereleases=True):
            allowed = str(requirement.specifier)
            findings.append(_finding(f"{requirement.name} is {found}, and the program needs {allowed}.", text))
    return Checked(facts={"packages": versions}, findings=tuple(findings))


def requirements() -> list[str]:
    """What the project needs, from its checkout if it runs from one, else from what was installed."""
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    if project.is_file():
        described = tomllib.loads(project.read_text("utf-8")).get("project", {})
        if described.get("name") == DISTRIBUTION:
            return list(described["dependencies"])
    return metadata.requires(DISTRIBUTION) or []


def _finding(message: str, requirement: str) -> Finding:
    return Finding(kind="package", message=message, remedy=f'{INSTALL} "{requirement}"')
