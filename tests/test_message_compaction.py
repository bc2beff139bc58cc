"""Compaction for Messages clients: what is asked, and the block that comes of the answer."""

import copy
from functools import partial
from typing import Any

import pytest
from anthropic.types.beta import BetaMessage
from openai.types.responses.response_compact_params import ResponseCompactParams

from bridge.compaction import NO_SUMMARY, PROMPT
from bridge.message_compaction import (
    KEPT,
    Compacted,
    asks_for_one,
    conversation,
    summarized,
    summary_request,
)
from bridge.transform import Native
from bridge.transform.envelope import seal, unseal

HI = {"role": "user", "content": "hi"}
WISH = {"type": "summarize"}
USAGE = {"input_tokens": 1, "output_tokens": 2}
MESSAGE: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"} | {
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


@pytest.mark.parametrize(
    "body, asks",
    [
        ({"compaction": WISH}, True),
        ({"compaction": {"type": "other"}}, False),
        ({"compaction": None}, False),
        ({"compaction": "summarize"}, False),
        ({}, False),
        ([WISH], False),
        (None, False),
    ],
)
def test_who_asks_for_one(body: Any, asks: bool) -> None:
    assert asks_for_one(body) is asks


@pytest.mark.parametrize(
    "more, expected",
    [
        pytest.param({}, {}, id="as it is"),
        pytest.param(
            {"stream": True, "stop_sequences": ["x"], "tool_choice": {"type": "any"}}
            | {"output_format": {}, "context_management": {}, "output_config": {"format": {}}},
            {"output_config": {}},
            id="without what belongs to other answers",
        ),
        pytest.param(
            {
                "system": "Be kind.",
                "thinking": {"type": "adaptive"},
                "output_config": {"effort": "low"},
            }
            | {"max_tokens": 9},
            {"system": "Be kind.", "thinking": {"type": "adaptive"}}
            | {"output_config": {"effort": "low"}, "max_tokens": 9},
            id="with how it is to be answered",
        ),
    ],
)
def test_a_summary_is_asked_for(more: Any, expected: Any) -> None:
    body = {"model": "m", "messages": [HI], "compaction": WISH, **more}
    before = copy.deepcopy(body)
    kept = {"model": "m", "messages": [HI], **expected}
    assert conversation(body) == kept
    wish = {"role": "user", "content": PROMPT}
    assert summary_request(body) == {**kept, "messages": [HI, wish]}
    assert body == before


def test_the_app_s_wishes_for_it_are_told_and_tools_are_not_called() -> None:
    tools = [{"name": "f", "input_schema": {}}]
    body = {"messages": [HI], "tools": tools, "compaction": {**WISH, "instructions": "In French."}}
    asked = summary_request(body)
    assert asked["messages"][-1]["content"] == f"{PROMPT}\n\nIn French."
    assert (asked["tools"], asked["tool_choice"]) == (tools, {"type": "none"})
    odd = summary_request({"messages": "hi", "compaction": {**WISH, "instructions": 5}})
    assert odd == {"messages": "hi"}, "the translator says what is wrong with it"


def test_the_client_gets_one_block() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "s"}
    made = summarized({**MESSAGE, "content": [thought, text("All "), text("done.\n")]})
    block = {"type": "compaction", "content": "All done.", "encrypted_content": None}
    assert made == {**MESSAGE, "content": [block], "stop_reason": "compaction"}
    assert BetaMessage.model_validate(made).content[0].type == "compaction"


@pytest.mark.parametrize("content", [[], [text(" \n")], [{"type": "thinking", "thinking": "x"}]])
def test_without_a_summary_there_is_none(content: Any) -> None:
    assert summarized({**MESSAGE, "content": content}) == NO_SUMMARY


# --- by the endpoint of Responses

USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "A"}, 5]}
PLAIN = {"type": "message", "role": "user", "content": "B"}
IMAGE = {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "x"}]}
COMPACTION = {"type": "compaction", "id": "cmp_1", "encrypted_content": "e"}
ANSWER = {"id": "resp_1", "object": "response.compaction", "created_at": 5, "usage": {}}


SEALS = partial(seal, key=b"k")


def compacted(output: Any, seals: Any = SEALS) -> Any:
    made = Compacted("up", seals)
    heard = made.heard({**ANSWER, "output": output})
    assert (heard["id"], heard["object"], heard["status"]) == ("resp_1", "response", "completed")
    assert [item["role"] for item in heard["output"]] == ["assistant"]
    return made.made({**MESSAGE, "content": [text("-")]})


def test_what_only_its_maker_can_read_is_sealed_and_the_rest_told() -> None:
    items = (USER, PLAIN, {"type": "message", "role": "user"}, IMAGE, COMPACTION)
    made = compacted([*items, "odd"])
    [block] = made["content"]
    assert made["stop_reason"] == "compaction"
    assert block["content"].endswith("said in it:\n\nA\n\nB")
    native = Native("openai_responses", items, "up")
    assert unseal(block["encrypted_content"], b"k") == native


@pytest.mark.parametrize(
    "output, seals",
    [
        pytest.param([USER], SEALS, id="no compaction"),
        pytest.param(None, SEALS, id="nothing"),
        pytest.param([COMPACTION], lambda _: None, id="too large"),
    ],
)
def test_what_is_no_compaction_is_none(output: Any, seals: Any) -> None:
    assert compacted(output, seals) == NO_SUMMARY


def test_the_endpoint_gets_what_it_takes() -> None:
    taken = set(ResponseCompactParams.__annotations__)
    assert taken - {"image", "previous_response_id"} == KEPT
