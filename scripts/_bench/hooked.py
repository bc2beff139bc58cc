"""The bridge without failover inside a request: with mitmproxy's hooks alone, as on a version of
mitmproxy that it does not know. To set the idle feature against."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bridge.mitm import versions

versions.resending = lambda: None

from addon import addons  # noqa: E402

__all__ = ["addons"]
