"""What streams are made of, for the tests of both directions."""

from typing import Any

from hypothesis import strategies as st

from bridge.transform.answers import Usage
from bridge.transform.model import ToolCallPart

DONE = "[DONE]"
COUNTED = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
USAGE = Usage(3, 4)
CALLED = ToolCallPart("1", "f", '{"a":1}')
texts = st.text(min_size=1, max_size=8)


def result(flagged: bool) -> dict[str, Any]:
    lists: dict[str, Any] = {key: {} for key in ("categories", "category_scores")}
    more = {"category_applied_input_types": {}, "flagged": flagged, "model": "omni"}
    return {"type": "moderation_result", **lists, **more}


FOUND = {
    "input": {"type": "moderation_results", "model": "omni", "results": [result(True)]},
    "output": {"type": "error", "code": "timeout", "message": "too late"},
}
