"""What streams are made of, for the tests of both directions."""

from typing import Any


def block_start(block: Any, index: int = 0) -> Any:
    return {"type": "content_block_start", "index": index, "content_block": block}


def block_delta(index: int = 0, **delta: Any) -> Any:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def text_delta(text: str, index: int = 0) -> Any:
    return block_delta(index, type="text_delta", text=text)


def block_stop(index: int = 0) -> Any:
    return {"type": "content_block_stop", "index": index}


STOP, PING = {"type": "message_stop"}, {"type": "ping"}
TEXT = {"type": "text", "text": ""}
USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
