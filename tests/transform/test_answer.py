"""The answer's form: streams and whole bodies in each other's place, phases, bytes that pass."""

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform import Translator
from bridge.transform import answer as module
from bridge.transform.sse import SseParser

REQUEST = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    fields = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "up"}
    return b"data: " + json.dumps({**fields, "choices": [choice]}).encode() + b"\n\n"


TEXT = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Grüße "}),
    chunk({"content": "an alle"}),
    chunk({}, "stop"),
    b"data: [DONE]\n\n",
]
CALL = {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": '{"a":'}}


def translator(client: Any = "anthropic_messages", **options: Any) -> Translator:
    made = Translator(client, "openai_chat", **options)
    made.request(json.dumps({**REQUEST, "stream": True}).encode())
    return made


def run(t: Translator, pieces: list[bytes]) -> bytes:
    return b"".join(b"".join(t.stream(piece)) for piece in [*pieces, b""])


def names(stream: bytes) -> list[str]:
    return [line[7:].decode() for line in stream.split(b"\n") if line.startswith(b"event: ")]


def test_each_piece_gives_its_bytes_at_once_and_never_an_empty_one() -> None:
    t = translator()
    out = [t.stream(piece) for piece in TEXT]
    assert b"an alle" in out[2][0]
    assert all(piece for pieces in out for piece in pieces)
    assert t.phase == "finished" and t.stream(b"") == []


@given(cuts=st.lists(st.integers(0, 700), max_size=12))
def test_any_cutting_gives_the_same_bytes(cuts: list[int]) -> None:
    raw, places = b"".join(TEXT), sorted({0, *cuts})
    pieces = [raw[a:b] for a, b in zip(places, [*places[1:], len(raw)], strict=True)]
    assert run(translator(), [piece for piece in pieces if piece]) == run(translator(), TEXT)


def test_byte_by_byte_in_the_same_protocol_too() -> None:
    raw = b"".join(TEXT)
    pieces = [bytes([byte]) for byte in raw]
    assert run(translator("openai_chat"), pieces) == raw
    assert run(translator("openai_chat", exact=True), pieces) == raw


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_trap_48_what_is_passed_on_flows_where_it_comes_line_by_line(line_end: bytes) -> None:
    t = translator("openai_chat")
    for event in TEXT:
        lines = event.replace(b"\n", line_end).splitlines(keepends=True)
        out = [b"".join(t.stream(line)) for line in lines]
        assert out == [*[b""] * (len(lines) - 1), b"".join(lines)]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_stream_that_is_passed_on_gets_what_its_end_lacks_and_no_more(size: int) -> None:
    without = b"".join(TEXT[:-1])
    for raw in (without, without[:-1], without[:-2]):  # or its last blank line is missing too
        t = translator("openai_chat")
        assert run(t, [raw[n : n + size] for n in range(0, len(raw), size)]) == b"".join(TEXT)
        assert t.phase == "finished" and t.notes == []


COUNTS = b'data: {"id":"c1","choices":[],"usage":{"completion_tokens":1}}\n\n'


@pytest.mark.parametrize("broken_off", [False, True])
@pytest.mark.parametrize("model", [None, "m"])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_stream_whose_counts_came_last_gets_its_end(
    size: int, model: str | None, broken_off: bool
) -> None:
    counted = b"".join(TEXT[:-1]).replace(b'"up"', b'"m"') + COUNTS
    for raw, told in [
        (counted, counted),
        (counted[:-2], counted),
        (counted + COUNTS, counted + COUNTS),
        (counted + COUNTS[:-1], counted + COUNTS),
        (counted + b"data: [D", counted),
        (counted + b"data: [DON", counted),
    ]:
        t = translator("openai_chat", model=model)
        out = [b"".join(t.stream(raw[n : n + size])) for n in range(0, len(raw), size)]
        out += t.break_off(ERROR) if broken_off else t.stream(b"")
        assert b"".join(out) == told + TEXT[-1] and t.phase == "finished"
        assert t.usage and t.usage.output_tokens == 1 and t.notes == []
        assert t.stream(b"") == t.break_off(ERROR) == []
    watched = translator("openai_chat", exact=True)
    assert run(watched, [counted]) == counted
    assert run(translator("openai_chat"), [counted, TEXT[-1], b": hi"]).endswith(b"]\n\n: hi")


def test_a_message_that_lacks_only_its_last_event_gets_that() -> None:
    delta = {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
    raw = b""
    for kind, fields in [("message_start", {"message": MESSAGE}), ("message_delta", delta)]:
        raw += named_event(kind, fields)
    assert run(messages(), [raw]) == raw + named_event("message_stop", {})
    whole = {"message": {**MESSAGE, "content": [{"type": "text", "text": "x"}]}}
    whole["message"]["stop_reason"] = "end_turn"  # which no later event told
    assert names(run(messages(), [named_event("message_start", whole)])) == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


MESSAGE: dict[str, Any] = {"id": "msg_1", "model": "m", "content": [], "usage": {}}


def messages() -> Translator:
    made = Translator("anthropic_messages", "anthropic_messages")
    made.request(json.dumps({**REQUEST, "stream": True}).encode())
    return made


def named_event(kind: str, fields: dict[str, Any]) -> bytes:
    data = json.dumps({"type": kind, **fields}, separators=(",", ":")).encode()
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


@pytest.mark.parametrize(
    "pieces, phases",
    [
        pytest.param(
            TEXT, ["waiting", "committed", "committed", "committed", "finished"], id="text"
        ),
        pytest.param(
            [chunk({"reasoning_content": "hm"}), chunk({"content": "x"})],
            ["waiting", "committed"],
            id="trap 6: reasoning waits",
        ),
        pytest.param(
            [
                chunk({"tool_calls": [CALL]}),
                chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
                chunk({}, "tool_calls"),
            ],
            ["waiting", "waiting", "committed"],
            id="trap 6: a call waits until it is whole",
        ),
        pytest.param([chunk({"refusal": "no"})], ["committed"], id="a refusal"),
        pytest.param(
            [chunk({"role": "assistant"}), b'data: {"error": {"message": "busy"}}\n\n'],
            ["waiting", "failed"],
            id="an error before the first content",
        ),
        pytest.param([b": keepalive\n\n"] * 3, ["waiting"] * 3, id="keepalives"),
        pytest.param(
            [chunk({"reasoning_content": "m" * 70_000})], ["committed"], id="trap 6: much reasoning"
        ),
    ],
)
def test_the_phase_says_when_the_app_can_act(pieces: list[bytes], phases: list[str]) -> None:
    t = translator()
    seen = []
    for piece in pieces:
        t.stream(piece)
        seen.append(t.phase)
    assert seen == phases


@pytest.mark.parametrize("client", ["anthropic_messages", "openai_chat"])
@pytest.mark.parametrize("upto", range(4))
def test_a_cut_stream_never_ends_cleanly(client: str, upto: int) -> None:
    t = translator(client)
    out = run(t, TEXT[:upto])
    assert t.phase == "failed" and t.failure
    assert b"message_stop" not in out and b"[DONE]" not in out
    assert b"error" in out


@pytest.mark.parametrize("client", ["anthropic_messages", "openai_chat"])
def test_an_answer_is_read_where_its_numbers_and_strings_are_no_json(client: str) -> None:
    odd = chunk({"content": "a\x01b"}, "stop").replace(b"\\u0001", b"\x01")
    odd = odd.replace(b'"created": 1', b'"created": NaN')
    assert b"\x01" in odd and b"NaN" in odd
    t = translator(client)
    out = run(t, [odd, TEXT[-1]])
    assert t.phase == "finished" and (out == odd + TEXT[-1] or b'"a\\u0001b"' in out)
    whole = translator(client)
    body = odd.removeprefix(b"data: ").replace(b'"delta"', b'"message"')
    assert b"b" in whole.response(body) and whole.phase == "finished"


def test_json_in_place_of_a_stream_becomes_one() -> None:
    message = {"role": "assistant", "content": "hello"}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    body = json.dumps({"id": "c1", "model": "up", "created": 1, "choices": [choice]}).encode()
    t = translator()
    out = run(t, [body[:10], body[10:]])
    assert names(out)[0] == "message_start" and names(out)[-1] == "message_stop"
    assert t.phase == "finished"
    same = translator("openai_chat")
    assert run(same, [body]).endswith(b"data: [DONE]\n\n")


def test_a_stream_in_place_of_json_is_folded() -> None:
    whole = json.loads(translator().response(b"".join(TEXT)))
    assert whole["content"] == [{"type": "text", "text": "Grüße an alle"}]
    same = json.loads(translator("openai_chat").response(b"".join(TEXT)))
    assert same["choices"][0]["message"]["content"] == "Grüße an alle"


@pytest.mark.parametrize(
    "body", [b"", b"  \n", b"<html>502</html>", b"oops"], ids=["nothing", "blank", "HTML", "text"]
)
def test_what_is_no_answer_at_all(body: bytes) -> None:
    t = translator()
    assert json.loads(t.response(body))["type"] == "error" and t.status == 502
    t = translator()
    assert names(run(t, [body] if body else [])) == ["error"]
    watched = translator("openai_chat", exact=True)
    assert watched.response(body) == body and watched.failure


def test_a_watched_body_in_place_of_a_stream_passes_as_it_comes() -> None:
    t = translator("openai_chat", exact=True)
    assert t.stream(b'{"id"') == [b'{"id"'] and t.stream(b": 1}") == [b": 1}"]
    assert t.stream(b"") == [] and t.phase == "failed"


def test_the_model_the_app_asked_for_comes_back_in_every_event() -> None:
    t = Translator("openai_chat", "openai_chat", model="up")
    t.request(json.dumps({"model": "asked", "messages": [], "stream": True}).encode())
    out = run(t, [b": hi\n\n", *TEXT])
    assert b'"up"' not in out and out.count(b'"asked"') == 4
    assert out.endswith(b"data: [DONE]\n\n") and out.startswith(b":")


def test_an_event_on_several_lines_stays_one_with_the_model_the_app_asked_for() -> None:
    t = Translator("openai_chat", "openai_chat", model="up")
    t.request(json.dumps({"model": "asked", "messages": [], "stream": True}).encode())
    lines = chunk({"content": "x"}, "stop").replace(b', "model"', b',\ndata: "model"')
    assert run(t, [lines, TEXT[-1]]) == lines.replace(b'"up"', b'"asked"') + TEXT[-1]


def test_a_body_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BODY", 100)
    t = translator()
    assert t.stream(b"{" + b" " * 60) == []
    assert names(b"".join(t.stream(b" " * 60))) == ["error"]
    assert t.phase == "failed" and t.stream(b"x" * 99) == []


def test_breaking_off_says_so_once() -> None:
    t = translator()
    t.stream(TEXT[1])
    error = module.Error("server", "a bug", 502)
    assert names(t.break_off(error)[0])[-1] == "error"
    assert t.break_off(error) == []
    exact = translator("openai_chat", exact=True)
    assert exact.break_off(error) == []


ERROR = module.Error("server", "a bug", 502)
BROKEN = (
    b'data: {"error":{"message":"a bug","type":"server_error","param":null,"code":"server_error"}}'
)


@pytest.mark.parametrize(
    "held, told",
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(TEXT[1][:-1], TEXT[1], id="an event without its blank line"),
        pytest.param(TEXT[1][:-2], TEXT[1], id="nor an end of its line"),
        pytest.param(TEXT[1][:-1] + b": hi", TEXT[1][:-1] + b": hi\n\n", id="with a comment"),
        pytest.param(TEXT[1][:-3], b"", id="half an event"),
        pytest.param(b"event: error\n", b"", id="the name of one"),
        pytest.param(b": hi\n", b"", id="a comment"),
    ],
)
def test_what_came_whole_goes_before_what_breaks_off(held: bytes, told: bytes) -> None:
    begun = TEXT[0] + held
    cut = b'data: {"error":{"message":"upstream stream ended early"'
    for size in (1, len(begun)):
        pieces = [begun[n : n + size] for n in range(0, len(begun), size)]
        t = translator("openai_chat")
        out = [b"".join(t.stream(piece)) for piece in pieces]
        assert b"".join([*out, *t.break_off(ERROR)]) == TEXT[0] + told + BROKEN + b"\n\n"
        ended = run(translator("openai_chat"), pieces)
        assert ended.startswith(TEXT[0] + told + cut) and ended.count(b'data: {"error') == 1


def test_what_came_whole_is_told_in_the_clients_words_and_model_too() -> None:
    other = translator()
    other.stream(TEXT[0] + TEXT[1][:-1])
    out = b"".join(other.break_off(ERROR))
    assert "Grüße" in out.decode() and names(out)[-1] == "error"
    renamed = translator("openai_chat", model="other")
    renamed.stream(TEXT[0] + TEXT[1][:-1])
    out = b"".join(renamed.break_off(ERROR))
    assert out == TEXT[1].replace(b'"up"', b'"m"') + BROKEN + b"\n\n"


@pytest.mark.parametrize("client", ["anthropic_messages", "openai_chat"])
def test_what_came_last_may_have_been_the_end(client: str) -> None:
    t = translator(client)
    t.stream(b"".join(TEXT)[:-1])
    out = b"".join(t.break_off(ERROR))
    assert t.phase == "finished" and b"error" not in out
    assert out.endswith(b"data: [DONE]\n" if client == "openai_chat" else b'message_stop"}\n\n')


def test_the_end_that_came_last_is_told_where_all_had_been_said_before_it() -> None:
    usage = b'data: {"id":"c1","choices":[],"usage":{"completion_tokens":1}}\n\n'
    t = translator("openai_chat")
    t.stream(b"".join(TEXT[:-1]) + usage + TEXT[-1][:-2])
    assert t.phase == "finished" and t.break_off(ERROR) == [TEXT[-1][:-2]]
    assert t.break_off(ERROR) == []


HELLO = [
    named_event("message_start", {"message": MESSAGE}),
    named_event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
    named_event(
        "content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "hello"}}
    ),
]


def pieces_of(raw: bytes, size: int) -> list[bytes]:
    return [raw[n : n + size] for n in range(0, len(raw), size)]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("model", [None, "up"])
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(HELLO[0] + HELLO[2], id="a second answer"),
        pytest.param(HELLO[0].rstrip(), id="without its end"),
        pytest.param(b"event: ping\n: odd\ndata: oops\n\n" + HELLO[2], id="no JSON"),
    ],
)
def test_a_broken_event_that_is_no_error_gives_way_to_one(
    broken: bytes, model: str | None, line_end: bytes
) -> None:
    told = b"".join([HELLO[0], b": hi\n\n", b"data:\n\n", *HELLO[1:]])
    raw = told + b": odd\n" + broken
    raw, told = raw.replace(b"\n", line_end), told.replace(b"\n", line_end)
    outs = set()
    for size in (1, 7, 50, len(raw)):
        t = Translator("anthropic_messages", "anthropic_messages", model=model)
        t.request(json.dumps({**REQUEST, "stream": True}).encode())
        outs.add(run(t, pieces_of(raw, size)))
        assert t.phase == "failed" and t.stream(HELLO[2]) == []
    [out] = outs
    before, error, behind = out.partition(b"event: error\n")
    assert error and behind.endswith(b"}}\n\n") and behind.count(b"\n") == 2
    assert before == told if model is None else names(before)[2:] == ["content_block_delta"]


def test_an_error_in_the_upstreams_own_words_passes_as_it_came() -> None:
    for error in (
        b'event: error\ndata: {"type":"error", "error":{"message":"busy"}}\n\n',
        b"event: error\ndata: busy\n\n",
    ):
        t = messages()
        assert run(t, [*HELLO, error]) == b"".join(HELLO) + error and t.phase == "failed"
    watched = translator("openai_chat", exact=True)
    assert run(watched, [TEXT[-1], b": hi\n\n"]) == TEXT[-1] + b": hi\n\n"
    assert watched.phase == "failed"
    passed = translator("openai_chat")
    assert b"[DONE]" not in (out := run(passed, [TEXT[-1]])) and out.startswith(b'data: {"error"')


def test_nothing_is_left_of_a_line_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SseParser", partial(SseParser, limit=500))
    t = translator("openai_chat")
    assert t.stream(TEXT[1] + b"data: " + b"x" * 400) == [TEXT[1]]
    out = b"".join(t.stream(b"x" * 400 + b"\n\n" + TEXT[2][:-2]))
    assert out.startswith(b'data: {"error"') and out.count(b"data:") == 1
    assert t.phase == "failed"


@pytest.mark.parametrize("model", [None, "up"])
@pytest.mark.parametrize("silent", [True, False], ids=["an end", "an error of ours"])
def test_what_breaks_off_a_stream_that_was_passed_on_belongs_to_it(
    silent: bool, model: str | None
) -> None:
    t = Translator("openai_responses", "openai_responses", model=model)
    t.request(json.dumps({"model": "asked", "input": "x", "stream": True}).encode())
    begun = {"id": "resp_1", "model": model or "asked", "created_at": 7, "output": []}
    created = {"type": "response.created", "response": begun}
    out = t.stream(b"data: " + json.dumps(created).encode() + b"\n\n")
    out += t.stream(b"") if silent else t.break_off(module.Error("server", "a bug", 502))
    lines = b"".join(out).splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith(b"data: ")]
    assert [e["type"] for e in events] == ["response.created", "error", "response.failed"]
    told = events[-1]["response"]
    assert (told["id"], told["created_at"], told["model"]) == ("resp_1", 7, "asked")


TWO = {
    "id": "c1",
    "model": "up",
    "choices": [
        {"index": n, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
        for n in (0, 1)
    ],
}


def test_what_passes_as_it_came_has_lost_nothing() -> None:
    body = json.dumps(TWO).encode()
    passed = translator("openai_chat")
    assert passed.response(body) == body and passed.notes == []
    streamed = translator("openai_chat")
    assert run(streamed, TEXT) == b"".join(TEXT) and streamed.notes == []  # nor has it usage


def test_what_is_made_anew_in_its_own_protocol_tells_what_it_lost() -> None:
    body = json.dumps(TWO).encode()
    whole = translator("openai_chat")
    assert whole.response(body, as_stream=True).endswith(b"[DONE]\n\n")
    held = translator("openai_chat")
    assert run(held, [body]).endswith(b"[DONE]\n\n")
    codes = ["choices_dropped", "usage_missing"]
    assert [note.code for note in whole.notes] == [note.code for note in held.notes] == codes
