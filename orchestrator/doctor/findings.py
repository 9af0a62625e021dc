"""What an examination of a machine says: what is wrong, what is worth knowing, and plain facts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong or soon will be.

    Attributes:
        kind: one word for programs, such as `storage`.
        message: what was found, with the value and the rule.
        remedy: what to do.
    """

    kind: str
    message: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What one check says.

    Attributes:
        facts: JSON values that are no findings, by name.
        findings: what is wrong.
        notes: sentences that are worth knowing and need nothing done.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Node:
    """What was found on one machine."""

    node: str
    checked: tuple[Checked, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Those of every check."""
        return tuple(finding for each in self.checked for finding in each.findings)

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of every check."""
        return tuple(note for each in self.checked for note in each.notes)

    @property
    def facts(self) -> dict[str, Any]:
        """Those of every check."""
        return {name: value for each in self.checked for name, value in each.facts.items()}

    def to_plain(self) -> dict[str, Any]:
        """As JSON values."""
        findings = [asdict(finding) for finding in self.findings]
        return {"node": self.node, "findings": findings, "notes": list(self.notes), "facts": self.facts}


def gigabytes(amount: float) -> str:
    """Bytes in the unit that people think in."""
    return f"{amount / 1e9:,.1f} GB"
