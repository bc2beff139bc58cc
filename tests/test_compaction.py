"""The way of a history through a summary: asked for, sealed, and read again by any upstream."""

import copy
import json
from functools import partial
from typing import Any

import pytest
from openai.types.responses import CompactedResponse
from openai.types.responses.response_compact_params import ResponseCompactParams

from bridge.compaction import KEPT, PROMPT, compact_answer, compact_request
from bridge.transform import (
    Error,
    Native,
    Protocol,
    TransformError,
    Translator,
    encode_refusal,
)
from bridge.transform.envelope import seal, unseal

KEY = b"k"
WISH = {"type": "message", "role": "user", "content": PROMPT}
USER = {"role": "user", "content": "Fix the test."}
ANSWER = {"type": "message", "id": "msg_0", "role": "assistant", "status": "completed"} | {
    "content": [{"type": "output_text", "text": "I will.", "annotations": []}]
}
UPSTREAMS: tuple[Protocol, ...] = ("anthropic_messages", "openai_chat")


def response(*output: dict[str, Any]) -> dict[str, Any]:
    usage = {"input_tokens": 9, "output_tokens": 5, "total_tokens": 14} | {
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    return {"id": "resp_7", "object": "response", "created_at": 5, "status": "completed"} | {
        "output": list(output),
        "usage": usage,
    }


def saying(*texts: str) -> dict[str, Any]:
    return {**ANSWER, "content": [{"type": "output_text", "text": text} for text in texts]}


def answer(output: Any, input: Any = (USER,)) -> Any:
    return compact_answer(response(*output), list(input), partial(seal, key=KEY))


# --- the request


@pytest.mark.parametrize(
    "body, expected",
    [
        pytest.param(
            {"model": "m", "input": [USER, ANSWER]},
            {"model": "m", "input": [USER, ANSWER, WISH]},
            id="items",
        ),
        pytest.param(
            {"model": "m", "input": "Hi!"},
            {"model": "m", "input": [{"type": "message", "role": "user", "content": "Hi!"}, WISH]},
            id="a string",
        ),
        pytest.param({"model": "m"}, {"model": "m", "input": [WISH]}, id="nothing"),
        pytest.param(
            {"model": "m", "input": [USER, {"type": "compaction_trigger"}]},
            {"model": "m", "input": [USER, WISH]},
            id="an item that asks for the same",
        ),
        pytest.param(
            {"model": "m", "input": [USER], "instructions": "Be kind.", "service_tier": "flex"},
            {"model": "m", "input": [USER, WISH], "instructions": "Be kind."}
            | {"service_tier": "flex"},
            id="instructions and service",
        ),
        pytest.param(
            {"model": "m", "input": [USER], "tools": [{"type": "custom", "name": "f"}]},
            {"model": "m", "input": [USER, WISH], "tools": [{"type": "custom", "name": "f"}]}
            | {"tool_choice": "none"},
            id="tools, which history speaks of and nobody may call",
        ),
        pytest.param(
            {"model": "m", "input": [USER], "tools": [], "text": {"format": {"type": "x"}}}
            | {"stream": True, "previous_response_id": None, "include": []},
            {"model": "m", "input": [USER, WISH], "tools": []},
            id="what belongs to other answers",
        ),
    ],
)
def test_a_summary_is_asked_for(body: Any, expected: Any) -> None:
    before = copy.deepcopy(body)
    assert compact_request(body) == {**expected, "store": False}
    assert body == before


@pytest.mark.parametrize("input", [5, {"role": "user"}, True])
def test_what_is_no_history_cannot_be_summed_up(input: Any) -> None:
    with pytest.raises(TransformError, match="input"):
        compact_request({"model": "m", "input": input})


def test_nothing_that_the_endpoint_takes_is_forgotten() -> None:
    """History is put in before; how images are compressed matters to nobody else."""
    others = {"input", "previous_response_id", "image"}
    assert ResponseCompactParams.__annotations__.keys() - others <= KEPT


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_every_upstream_can_be_asked(upstream: Protocol) -> None:
    asked = compact_request({"model": "m", "input": [USER, ANSWER], "instructions": "Be kind."})
    body = Translator("openai_responses", upstream).request(json.dumps(asked).encode())
    assert json.loads(body)["messages"][-1]["role"] == "user"
    assert PROMPT.splitlines()[0] in body.decode()


# --- the answer


def test_a_client_gets_what_users_said_and_the_summary_sealed() -> None:
    image = {"type": "input_image", "image_url": "https://x/y", "detail": "auto"}
    told = [
        {"role": "developer", "content": "Be brief."},
        USER,
        ANSWER,
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "4"},
        {"type": "message", "role": "user", "content": [image], "id": "x"},
        {"type": "compaction", "encrypted_content": "earlier"},
    ]
    made = answer(
        [{"type": "reasoning", "id": "rs_1", "summary": []}, saying("All ", "done.")], told
    )
    *messages, compaction = made["output"]
    status = {"type": "message", "role": "user", "status": "completed"}
    assert messages == [
        {**status, "id": "msg_7_0", "content": [{"type": "input_text", "text": "Fix the test."}]},
        {**status, "id": "msg_7_1", "content": [image]},
    ]
    content = compaction.pop("encrypted_content")
    assert compaction == {"type": "compaction", "id": "cmp_7"}
    kept = {"type": "compaction", "content": "All done."}
    assert unseal(content, KEY) == Native("openai_responses", (kept,))
    assert (
        made.items()
        >= {
            "id": "resp_7",
            "object": "response.compaction",
            "created_at": 5,
            "usage": response()["usage"],
        }.items()
    )


def test_the_sdk_reads_the_answer() -> None:
    read = CompactedResponse.model_validate_json(
        json.dumps(answer([saying("Done.")], [])), strict=True
    )
    assert [item.type for item in read.output] == ["compaction"]
    assert read.usage.total_tokens == 14


@pytest.mark.parametrize(
    "output",
    [
        pytest.param([], id="nothing"),
        pytest.param([saying(" ", "\n")], id="blanks"),
        pytest.param(
            [{**ANSWER, "content": [{"type": "refusal", "refusal": "No."}]}], id="refusal"
        ),
        pytest.param([{"type": "reasoning", "id": "rs_1", "summary": []}], id="only thoughts"),
    ],
)
def test_without_a_summary_the_client_keeps_its_history(output: Any) -> None:
    made = answer(output)
    assert isinstance(made, Error)
    status, body = encode_refusal("openai_responses", made)
    assert status == 502 and "no summary" in json.loads(body)["error"]["message"]


def test_a_summary_that_no_envelope_holds_is_none() -> None:
    assert isinstance(compact_answer(response(saying("Done.")), [], lambda _: None), Error)


# --- and back


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_every_upstream_is_told_the_summary(upstream: Protocol) -> None:
    made = answer([saying("The test is fixed.")])
    asked = {"model": "m", "input": [*made["output"], {"role": "user", "content": "Go on."}]}
    translator = Translator("openai_responses", upstream, upstream_id="up", key=KEY)
    messages = json.loads(translator.request(json.dumps(asked).encode()))["messages"]
    said = [json.dumps(message) for message in messages if message["role"] == "user"]
    order = ["Fix the test.", "The test is fixed.", "Go on."]
    assert [text in line for text, line in zip(order, said, strict=True)] == [True] * 3
