"""What all tests share: recorded traffic, and how many examples the property-based ones try."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

IN_CI = "CI" in os.environ  # there a run must not depend on luck

settings.register_profile("default", max_examples=30, deadline=None, derandomize=IN_CI)
settings.register_profile("long", max_examples=2000, deadline=None, derandomize=IN_CI)
settings.load_profile(os.environ.get("LLM_BRIDGE_HYPOTHESIS", "default"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Recorded traffic beside the project; the build must have it, a reader's clone need not."""
    path = Path(__file__).resolve().parents[2] / "shared"
    if not path.is_dir():
        assert "CI" not in os.environ, f"no recorded traffic in {path}"
        pytest.skip(f"no recorded traffic in {path}")
    return path
