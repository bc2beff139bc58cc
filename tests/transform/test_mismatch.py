import json
from typing import Any

import pytest

from bridge.transform.mismatch import protocol_of
from bridge.transform.model import Protocol


@pytest.mark.parametrize(
    "payload, protocol",
    [
        pytest.param({"type": "message", "content": []}, "anthropic_messages", id="Messages"),
        pytest.param({"type": "message_start"}, "anthropic_messages", id="its first event"),
        pytest.param({"object": "chat.completion", "choices": []}, "openai_chat", id="Chat"),
        pytest.param({"choices": []}, "openai_chat", id="a chunk of it without an object"),
        pytest.param({"object": "response", "output": []}, "openai_responses", id="Responses"),
        pytest.param({"type": "response.created"}, "openai_responses", id="its first event, too"),
        pytest.param({"error": {"message": "no"}}, None, id="an error"),
        pytest.param({"type": "error"}, None, id="an error event"),
        pytest.param({"choices": None}, None, id="nothing"),
        pytest.param([], None, id="no object"),
    ],
)
def test_an_answer_shows_its_protocol(payload: Any, protocol: Protocol | None) -> None:
    assert protocol_of(json.dumps(payload)) == protocol


@pytest.mark.parametrize("text", ["", b"<html>", "[DONE]"])
def test_what_is_no_json_could_be_anybodys(text: str | bytes) -> None:
    assert protocol_of(text) is None
