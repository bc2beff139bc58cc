"""Compactions told as a story: an upstream's own endpoint, and what comes after it failed."""

import json
from typing import Any

import pytest

from bridge.bounded import Bounds
from bridge.call import Call
from bridge.config import parse
from bridge.exchange import Exchange
from bridge.routing import Router
from bridge.steps import AGAIN, Done, Reply
from bridge.store import Store
from bridge.transform import Native, Protocol
from bridge.transform.envelope import MARK, unseal

CONFIG = """
upstreams:
  openai:
    protocol: openai_responses
    url: https://r.test/v1
    profile: openai
    api_key: k
    models: {"*": gpt}
  local: {protocol: openai_responses, url: https://l.test/v1, api_key: k}
  claude: {protocol: anthropic_messages, url: https://c.test, api_key: k}
  chat: {protocol: openai_chat, url: https://h.test/v1, api_key: k}
  vendor: {protocol: anthropic_messages, url: https://api.anthropic.com, api_key: k}
routes: [{upstreams: [NAMES]}]
strict: true
"""
JSON = [("content-type", "application/json")]
COMPACT = "/v1/responses/compact"
PATHS: dict[Protocol, str] = {"openai_responses": COMPACT, "anthropic_messages": "/v1/messages"}
BODIES: dict[Protocol, Any] = {
    "openai_responses": {"model": "m", "input": "Hi!"},
    "anthropic_messages": {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi!"}],
        "stop_sequences": ["x"],  # of which this answer has no need
        "compaction": {"type": "summarize"},
    },
}
A: Protocol = "anthropic_messages"
R: Protocol = "openai_responses"
USER = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi!"}]}
NATIVE = {
    "id": "resp_1",
    "object": "response.compaction",
    "created_at": 5,
    "output": [USER, {"type": "compaction", "id": "cmp_1", "encrypted_content": "EC"}],
    "usage": {"input_tokens": 7, "output_tokens": 3, "total_tokens": 10},
}


class Story:
    def __init__(self, client: Protocol, names: str, resends: bool = True, **more: Any) -> None:
        config = parse(CONFIG.replace("NAMES", names), "c", {})
        self.outcomes: list[tuple[str, str]] = []
        body = json.dumps({**BODIES[client], **more}).encode()
        call = Call(client, "https", "app.test", 443, PATHS[client], (), body)
        router = Router(config)
        choice = router.candidates(call.facts(router.asks), 0)
        assert choice
        self.store = Store(Bounds(1 << 20, 60))
        self.made = Exchange(
            call,
            choice,
            router,
            config.failover,
            self,
            key=b"k",
            strict=config.strict,
            store=self.store,
            resends=resends,
            now=0,
        )

    def begin(self, target: Any, now: float, *, model: str) -> None:
        self.outcomes.append((target.label, ""))

    def record(self, target: Any, outcome: Any, now: float, **facts: Any) -> None:
        self.outcomes[-1] = target.label, getattr(outcome, "status", "lost")

    def asked(self) -> tuple[str, Any]:
        """Path and body of the next attempt."""
        target = self.made.next_target(1.0)
        assert target
        sent = self.made.next_attempt(target, 1.0)
        assert sent
        return sent.path, json.loads(sent.body)

    def answer(self, body: Any, status: int = 200) -> Any:
        assert not self.made.answered(status, JSON, 2.0)
        return self.made.whole(json.dumps(body).encode(), 3.0)

    def told(self, body: Any) -> Any:
        step = self.answer(body)
        assert isinstance(step, Done) and step.reply.status == 200
        return json.loads(step.reply.body)


def chat(text: str) -> Any:
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": text}}
    return {"id": "chatcmpl-1", "choices": [choice]}


def error(message: str) -> Any:
    return {"error": {"message": message, "type": "x", "code": None, "param": None}}


def test_the_endpoint_of_the_app_s_protocol_answers() -> None:
    story = Story(R, "openai, chat")
    assert story.asked() == (COMPACT, {"model": "gpt", "input": "Hi!"})
    assert story.told(NATIVE) == NATIVE
    assert story.outcomes == [("openai", 200)] and story.made.trace.metadata()["usage"]
    assert not story.store.knows("resp_1", 4.0), "no answer that could be named"


def test_a_messages_client_gets_a_block_of_it() -> None:
    story = Story(A, "openai, chat")
    path, sent = story.asked()
    assert path == COMPACT and sent.keys() == {"model", "input"} and sent["model"] == "gpt"
    told = story.told(NATIVE)
    [block] = told["content"]
    assert (told["stop_reason"], told["model"]) == ("compaction", "m")
    assert told["usage"]["input_tokens"] == 7
    assert block["type"] == "compaction" and block["content"].endswith("Hi!")
    assert block["encrypted_content"].startswith(MARK)
    history = [{"role": "assistant", "content": [block]}, {"role": "user", "content": "Go on."}]
    later = Story(A, "openai", messages=history, compaction=None, stop_sequences=[])
    _, sent = later.asked()
    assert sent["input"] == [*NATIVE["output"], {**USER, "content": "Go on."}]
    elsewhere = Story(A, "chat", messages=history, compaction=None, stop_sequences=[])
    target = elsewhere.made.next_target(1.0)
    assert target and elsewhere.made.next_attempt(target, 1.0) is None, "it would be lost"


@pytest.mark.parametrize("client", [R, A])
@pytest.mark.parametrize("status", [404, 405, 501])
def test_where_there_is_no_endpoint_the_same_upstream_sums_up(client: Any, status: int) -> None:
    story = Story(client, "openai, chat")
    story.asked()
    assert story.answer(error("no such thing"), status) == AGAIN
    path, sent = story.asked()
    assert path == "/v1/responses" and "about to be replaced" in json.dumps(sent)
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text"}]}
    said["content"] = [{"type": "output_text", "text": "So far.", "annotations": []}]
    told = story.told({"id": "resp_2", "status": "completed", "created_at": 5, "output": [said]})
    assert "So far." in str(told) or told["output"][-1]["type"] == "compaction"
    assert [name for name, _ in story.outcomes] == ["openai", "openai"]


@pytest.mark.parametrize("client", [R, A])
@pytest.mark.parametrize(
    "fails",
    [
        pytest.param(lambda s: s.answer(error("limit"), 429), id="limited"),
        pytest.param(lambda s: s.answer(error("oops"), 500), id="broken"),
        pytest.param(lambda s: s.made.lost("refused", 2.0), id="gone"),
        pytest.param(lambda s: s.answer({"error": {"message": "x"}}), id="an error inside"),
    ],
)
def test_a_failure_goes_on_with_a_summary_by_the_next_one(client: Any, fails: Any) -> None:
    story = Story(client, "openai, chat")
    assert story.asked()[0] == COMPACT
    assert fails(story) == AGAIN
    path, sent = story.asked()
    assert path == "/v1/chat/completions" and "about to be replaced" in json.dumps(sent)
    told = story.told(chat("So far."))
    if client == R:
        assert told["object"] == "response.compaction" and told["output"][0]["role"] == "user"
    else:
        [block] = told["content"]
        assert (block["content"], told["stop_reason"]) == ("So far.", "compaction")
    assert [attempt["upstream"] for attempt in story.made.trace.metadata()["attempts"]] == [
        "openai",
        "chat",
    ]


@pytest.mark.parametrize("client", [R, A])
def test_an_answer_without_a_summary_is_a_failure(client: Any) -> None:
    story = Story(client, "claude, chat")
    assert story.asked()[0] == "/v1/messages"
    empty = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "usage": {}}
    assert story.answer({**empty, "stop_reason": "end_turn"}) == AGAIN
    story.asked()
    assert story.answer(chat(" ")) == AGAIN
    assert story.made.next_target(4.0) is None
    step = story.made.exhausted(4.0)
    assert isinstance(step, Done) and step.reply.status == 502
    assert b"no summary" in step.reply.body


def chat_ended(finish: str, **said: Any) -> Any:
    choice = {"index": 0, "finish_reason": finish, "message": {"content": "I canno", **said}}
    return {"id": "chatcmpl-1", "choices": [choice]}


def claude_ended(stop: str, **more: Any) -> Any:
    said = {"content": [{"type": "text", "text": "The user wan"}], "usage": {}, **more}
    return {"id": "msg_1", "type": "message", "role": "assistant", "stop_reason": stop, **said}


def local_ended(reason: str = "", **part: Any) -> Any:
    ended = {"status": "incomplete", "incomplete_details": {"reason": reason}}
    said = [{"type": "output_text", "text": "The user wan", "annotations": [], **part}]
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": said}
    return {"id": "resp_1", **(ended if reason else {"status": "completed"}), "output": [message]}


CALLING = [
    {"type": "text", "text": "Let me see"},
    {"type": "tool_use", "id": "t", "name": "f", "input": {}},
]


@pytest.mark.parametrize("client", [R, A])
@pytest.mark.parametrize(
    "name, body",
    [
        pytest.param("chat", chat_ended("length"), id="Chat, cut"),
        pytest.param("chat", chat_ended("content_filter"), id="Chat, filtered"),
        pytest.param("chat", chat_ended("stop", content=None, refusal="No."), id="Chat, refused"),
        pytest.param("claude", claude_ended("max_tokens"), id="Messages, cut"),
        pytest.param("claude", claude_ended("refusal"), id="Messages, refused"),
        pytest.param("claude", claude_ended("tool_use", content=CALLING), id="Messages, calls"),
        pytest.param("local", local_ended("max_output_tokens"), id="Responses, cut"),
        pytest.param("local", local_ended("content_filter"), id="Responses, filtered"),
        pytest.param("local", local_ended(type="refusal", refusal="No."), id="Responses, refused"),
    ],
)
def test_a_refusal_or_half_a_summary_is_none(client: Any, name: str, body: Any) -> None:
    story = Story(client, f"{name}, openai")
    story.asked()
    assert story.answer(body) == AGAIN
    story.asked()
    assert story.told(NATIVE), "of the next one"


SAID = {"type": "output_text", "text": "So far.", "annotations": []}
LOOSE: list[tuple[Any, str, Any]] = [
    (R, "no more than its output", {"output": [{"type": "message", "content": [SAID]}]}),
    (R, "a string", {"id": "resp_1", "output": [{"type": "message", "content": "So far."}]}),
    (R, "one untyped", {"output": [{"type": "message", "content": [{"text": "?"}, SAID]}]}),
    (R, "an untyped item", {"output": [{"role": "assistant", "content": [SAID]}]}),
    (R, "null", {"output": [{"type": "message", "content": c} for c in (None, [SAID])]}),
    (R, "no number", {"x": float("nan"), "output": [{"type": "message", "content": [SAID]}]}),
    (A, "a string", {"content": "So far."}),
    (A, "null", {"content": [{"type": "text", "text": t} for t in (None, "So far.")]}),
    (A, "one untyped", {"content": [{"text": "?"}, {"type": "text", "text": "So far."}]}),
    (A, "no number", {"x": float("nan"), "content": [{"type": "text", "text": "So far."}]}),
]


@pytest.mark.parametrize("client, what, more", LOOSE, ids=[f"{p}, {w}" for p, w, _ in LOOSE])
def test_a_loose_answer_of_the_app_s_own_protocol_is_one(client: Any, what: str, more: Any) -> None:
    story = Story(client, "local" if client == R else "claude")
    story.asked()
    message = {"type": "message", "model": "m", "role": "assistant", "stop_reason": "end_turn"}
    told = story.told({**({"status": "completed"} if client == R else message), **more})
    if client == A:
        [block] = told["content"]
        assert (block["content"], told["model"]) == ("So far.", "m")
    else:
        assert told["id"].startswith("resp_") and isinstance(told["created_at"], int)
        native = unseal(told["output"][-1]["encrypted_content"], b"k")
        assert isinstance(native, Native) and native.blocks[0]["content"] == "So far."


@pytest.mark.parametrize(
    "name, body",
    [
        ("local", {"output": [{"role": "assistant", "content": [{"text": "So far."}]}]}),
        ("claude", {"content": [{"text": "So far."}], "stop_reason": "end_turn"}),
    ],
)
def test_what_nobody_can_read_is_no_summary(name: str, body: Any) -> None:
    story = Story(R if name == "local" else A, f"{name}, chat")
    story.asked()
    assert story.answer(body) == AGAIN


def test_whoever_knows_the_field_gets_the_call_as_it_is() -> None:
    story = Story(A, "vendor", model="claude-sonnet-5", stream=True)
    _, sent = story.asked()
    assert sent["compaction"] == {"type": "summarize"} and sent["stream"] is True
    assert story.made.answered(200, [("content-type", "text/event-stream")], 2.0)


def test_a_stream_is_made_of_a_summary() -> None:
    story = Story(A, "chat", stream=True)
    _, sent = story.asked()
    assert "stream" not in sent
    step = story.answer(chat("So far."))
    assert isinstance(step, Done) and isinstance(step.reply, Reply)
    assert dict(step.reply.headers)["content-type"] == "text/event-stream"
    body = step.reply.body.decode()
    assert body.startswith("event: message_start") and '"stop_reason":"compaction"' in body


def test_one_that_asks_for_a_stream_of_the_endpoint_gets_none() -> None:
    story = Story(R, "chat", stream=True)
    story.asked()
    assert story.told(chat("So far."))["object"] == "response.compaction"


def test_a_summary_that_is_not_to_be_had_is_asked_for_once() -> None:
    story = Story(R, "chat, claude")
    story.asked()
    story.answer(error("Not Found"), 404)
    assert story.asked()[0] == "/v1/messages"
    story.answer(error("Not Found"), 404)
    assert [name for name, _ in story.outcomes] == ["chat", "claude"]
    assert story.made.next_target(4.0) is None


def test_who_cannot_ask_again_gets_the_failure() -> None:
    story = Story(R, "openai, chat", resends=False)
    story.asked()
    story.answer(error("no such thing"), 404)
    assert len(story.outcomes) == 1 and story.made.next_target(4.0) is None


def test_what_is_no_history_is_refused() -> None:
    story = Story(R, "chat, claude", input=5)
    target = story.made.next_target(1.0)
    assert target
    with pytest.raises(ValueError, match="input"):
        story.made.next_attempt(target, 1.0)


def test_a_summary_is_made_of_all_that_was_said() -> None:
    story = Story(R, "openai, chat", previous_response_id="resp_9", input="More.")
    story.store.record({"id": "resp_9", "output": []}, "Before.", 0, "openai")
    assert story.asked()[1]["previous_response_id"] == "resp_9"
    assert story.answer(error("limit"), 429) == AGAIN
    assert [m["content"] for m in story.asked()[1]["messages"]][:2] == ["Before.", "More."]
