"""What upstreams answer."""

import json

from bridge.transform import Protocol
from bridge.transform.envelope import MAX_BYTES

from . import chat, messages
from .specimen import Answer, Answers, Json

type Asks = dict[Protocol, dict[str, Json]]

SPOKEN = {"input_tokens": 1, "output_tokens": 1}
LOGPROBS = [{"token": "Yes.", "logprob": -0.1, "bytes": None, "top_logprobs": []}]
COUNTED = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def stream(*events: Json) -> str:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events)


# --- of Messages


def message(*content: Json, **fields: Json) -> Answer:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "usage": SPOKEN}
    said = list(content) or [messages.text("Yes.")]
    return Answer({**head, "content": said, "stop_reason": "end_turn", **fields})


def cited(**place: Json) -> Answer:
    return message({**messages.text("So."), "citations": [{"cited_text": "a", **place}]})


CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}
# Asked for in the older form, which has room for one call.
FUNCTIONS: Asks = {"openai_chat": {"functions": [{"name": "look"}]}}
MCP_CALL = {
    "type": "mcp_tool_use",
    "id": "mcptoolu_1",
    "name": "a",
    "server_name": "b",
    "input": {},
}
MCP_RESULT = {
    "type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False, "content": []
}  # fmt: skip
MCP_LISTING = {
    "type": "mcp_tool_listing",
    "mcp_server_name": "docs",
    "tools": [{"name": "look", "input_schema": messages.OPEN}],
}
CODE_CALL = {**messages.SERVER_CALL, "name": "code_execution"}
CODE_RESULT = {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": {}}
HALF_A_CALL = stream(
    {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": SPOKEN}},
    {
        "type": "content_block_start",
        "index": 0,
        "content_block": CALL,
    },
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "input_json_delta", "partial_json": '{"a'},
    },
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": SPOKEN},
    {"type": "message_stop"},
)

MESSAGES: dict[str, Answer] = {
    "text": message(),
    "calls": message(CALL),
    "thinking, signed or redacted": message(
        chat.SIGNED, {"type": "redacted_thinking", "data": "s"}, messages.text("Yes.")
    ),
    "web searches": message(messages.SERVER_CALL, messages.SERVER_RESULT, messages.text("Yes.")),
    "tools of MCP servers": message(MCP_LISTING, messages.text("Yes.")),
    "calls of MCP servers": message(MCP_CALL, MCP_RESULT, messages.text("Yes.")),
    "other server tools": message(CODE_CALL, CODE_RESULT, messages.text("Yes.")),
    "unknown blocks": message({"type": "hologram"}, messages.text("Yes.")),
    "citations of web pages": cited(
        type="web_search_result_location", url="https://a", title="A", encrypted_index="e"
    ),
    "citations of files": cited(type="char_location", document_index=0, file_id="file_1"),
    "citations of other documents": cited(type="char_location", document_index=0),
    "a matched `stop_sequence`": message(stop_reason="stop_sequence", stop_sequence="END"),
    "a refusal": message(
        stop_reason="refusal", stop_details={"type": "refusal", "explanation": "No."}
    ),
    "a `compaction` block": message(
        {"type": "compaction", "content": "We met."}, stop_reason="compaction"
    ),
    "`pause_turn`, when it goes on pausing": message(stop_reason="pause_turn"),
    "an unknown `stop_reason`": message(stop_reason="moonrise"),
    "no `usage`": message(usage=None),
    "thinking that was left out (`input_transformations`)": message(
        input_transformations=[{"type": "thinking_dropped", "reason": "prefix_mismatch"}]
    ),
    "context that was cleared (`applied_edits`)": message(
        context_management={"applied_edits": [{"type": "clear_tool_uses_20250919"}]}
    ),
    "half of a call": Answer(HALF_A_CALL),
    "a second call, for `functions`": Answer(message(CALL, CALL).body, FUNCTIONS),
}

# --- of Chat


def choice(number: int = 0, finish: str | None = "stop", **said: Json) -> Json:
    whole = {"role": "assistant", "content": "Yes.", **said}
    return {"index": number, "finish_reason": finish, "message": whole}


def completion(*choices: Json, **fields: Json) -> Answer:
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    return Answer({**head, "choices": list(choices) or [choice()], "usage": COUNTED, **fields})


def chunks(*deltas: Json) -> str:
    given = [({"index": 0, "delta": delta}, None) for delta in deltas]
    last = ({"index": 0, "delta": {}, "finish_reason": "stop"}, COUNTED)
    head = {"id": "chatcmpl-1", "model": "m"}
    told = [{**head, "choices": [choice], "usage": usage} for choice, usage in [*given, last]]
    return stream(*told) + "data: [DONE]\n\n"


FAILED = {"type": "error", "code": "timeout", "message": "too late"}  # to moderate
PAGE = {"type": "url_citation", "url_citation": {"url": "https://a", "title": "A"}}

CHAT: dict[str, Answer] = {
    "text": completion(),
    "calls": completion(choice(tool_calls=[chat.CALL])),
    "reasoning": completion(choice(reasoning_content="Hm.")),
    "citations of web pages": completion(choice(annotations=[PAGE])),
    "citations of an answer without a text": completion(choice(content=None, annotations=[PAGE])),
    "`logprobs`": Answer(
        completion({**choice(), "logprobs": {"content": LOGPROBS}}).body,
        {"openai_responses": {"include": ["message.output_text.logprobs"]}},
    ),
    "a refusal": completion(choice(refusal="No.")),
    "several choices": completion(choice(), choice(1)),
    "what a moderator found": completion(moderation={"input": FAILED, "output": FAILED}),
    "an unknown `finish_reason`": completion(choice(finish="moonrise")),
    "no `finish_reason`": completion(choice(finish=None)),
    "no `usage`": completion(usage=None),
    "arguments that are no JSON": completion(
        choice(tool_calls=[{**chat.CALL, "function": {"name": "look", "arguments": "{'a'"}}])
    ),
    "arguments behind the end of a call": Answer(
        chunks(
            {"tool_calls": [{"index": 0, **chat.CALL}]},
            {"content": "Yes."},
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1}'}}]},
        )
    ),
    "images and sounds that the model made": completion(choice(images=[{"type": "image_url"}])),
    "unknown fields of a message": completion(choice(hologram="Boo.")),
    "an event that is part of no answer": Answer(
        stream({"message": "almost there"}) + chunks({"content": "Yes."})
    ),
}

# --- of Responses


def response(*output: Json, **fields: Json) -> Answer:
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "usage": SPOKEN}
    given = list(output) or [spoken()]
    return Answer({**head, "status": "completed", "output": given, **fields})


def spoken(**fields: Json) -> Json:
    text = {"type": "output_text", "text": "Yes.", "annotations": [], **fields}
    return {"type": "message", "id": "msg_1", "role": "assistant", "content": [text]}


def noted(**annotation: Json) -> Answer:
    return response(spoken(annotations=[annotation]))


def thought(state: str) -> Json:
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": state}


def made(kind: str, **fields: Json) -> Json:
    return {"type": kind, "id": "x_1", "status": "completed", **fields}


def stopped(reason: str) -> Answer:
    return response(status="incomplete", incomplete_details={"reason": reason})


RESPONSES: dict[str, Answer] = {
    "text": response(),
    "calls": response(
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "look", "arguments": "{}"}
    ),
    "encrypted reasoning": response(thought("s"), spoken()),
    "encrypted reasoning of more than 16 MiB": response(thought("s" * MAX_BYTES), spoken()),
    "web searches": response(
        made("web_search_call", action={"type": "search", "query": "q"}), spoken()
    ),
    "calls of MCP servers": response(
        made("mcp_call", name="a", server_label="b", arguments="{}", output="42"), spoken()
    ),
    "other hosted tools": response(made("code_interpreter_call"), spoken()),
    "unknown items": response(made("hologram"), spoken()),
    "generated images": response(made("image_generation_call", result="aGVsbG8="), spoken()),
    "citations of web pages": noted(
        type="url_citation", url="https://a", title="A", start_index=0, end_index=3
    ),
    "citations of files": noted(type="file_citation", file_id="f", filename="a.pdf", index=0),
    "`logprobs`": Answer(
        response(spoken(logprobs=LOGPROBS)).body, {"openai_chat": {"logprobs": True}}
    ),
    "a refusal": response({**spoken(), "content": [{"type": "refusal", "refusal": "No."}]}),
    "`max_output_tokens`": stopped("max_output_tokens"),
    "`max_messages`": stopped("max_messages"),
    "several messages": response(spoken(), {**spoken(), "id": "msg_2"}),
    "what a moderator found": response(moderation={"input": FAILED, "output": FAILED}),
    "reasoning that was left out (`input_transformations`)": response(
        input_transformations=[{"id": "rs_1", "action": "removed", "reason": "prefix_mismatch"}]
    ),
    "no `status`": response(status=None),
    "no `usage`": response(usage=None),
}

ANSWERS: Answers = {
    "anthropic_messages": MESSAGES,
    "openai_chat": CHAT,
    "openai_responses": RESPONSES,
}
