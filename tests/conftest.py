import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    named = os.environ.get("ORCHESTRATOR_REAL_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real radiographs at {folder}; set ORCHESTRATOR_REAL_DATA to the folder that holds chest3")
    return folder
