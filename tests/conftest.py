"""What all tests share: how many examples the property-based ones try."""

import os

from hypothesis import settings

IN_CI = "CI" in os.environ  # there a run must not depend on luck

settings.register_profile("default", max_examples=30, deadline=None, derandomize=IN_CI)
settings.register_profile("long", max_examples=2000, deadline=None, derandomize=IN_CI)
settings.load_profile(os.environ.get("LLM_BRIDGE_HYPOTHESIS", "default"))
