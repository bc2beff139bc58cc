"""What streams are made of, for the tests of both directions."""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from bridge.transform.answers import (
    CitationDelta,
    Event,
    Failure,
    PartDelta,
    PartEnd,
    PartStart,
    Stop,
    Usage,
)
from bridge.transform.fold import Fold

USAGE = Usage(3, 4)
COUNTED = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
texts = st.text(min_size=1, max_size=8)


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **fields}


def fold(events: Iterable[Event]) -> Fold:
    folder, is_open, over = Fold(), False, False
    for event in events:
        assert not over, event
        match event:
            case PartStart():
                assert not is_open
                is_open = True
            case PartEnd():
                assert is_open
                is_open = False
            case PartDelta() | CitationDelta():
                assert is_open
            case Stop():
                assert not is_open
                over = True
            case Failure():
                over = True
            case _:
                pass
        folder.add(event)
    assert over
    return folder
