from __future__ import annotations

import pytest

from orchestrator.tracking.protocol import Artifact
from tests.orchestrator.tracking.mirrors import PNG


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are drawn in tests of their own."""

    def blank(identity: str, draw: object) -> Artifact:
        return Artifact(identity=identity, content=lambda: PNG)

    monkeypatch.setattr("orchestrator.tracking.pictures._picture", blank)
