"""What is left of a body when what was said in it is masked: its structure and its sizes."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.mask import mask

SECRET = "Zebra42"


def masked(value: Any) -> Any:
    return json.loads(mask(json.dumps(value)))


@pytest.mark.parametrize(
    "text, left",
    [
        ("Call me at 12:30, ok?", "xxxx xx xx 11:11, xx?"),
        ("Grüße 漢", "xxxxxxx xxx"),
        ("line\nnext", "xxxx\nxxxx"),
        ("", ""),
    ],
)
def test_text_keeps_its_length_in_bytes_and_its_lines(text: str, left: str) -> None:
    body = {"model": "claude", "messages": [{"role": "user", "content": text}], "max_tokens": 42}
    told = masked(body)
    assert told == {**body, "messages": [{"role": "user", "content": left}]}
    assert len(left.encode()) == len(text.encode())


@pytest.mark.parametrize(
    "value",
    [
        {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}},
        {"stop_reason": "end_turn", "usage": {"input_tokens": 3}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png"}},
        {"choices": [{"finish_reason": "stop"}], "object": "chat.completion", "id": "chatcmpl-1"},
        {"include": ["reasoning.encrypted_content"], "reasoning": {"effort": "high"}},
        [1, None, True, 0.5],
    ],
)
def test_structure_stays(value: Any) -> None:
    assert masked(value) == value


@pytest.mark.parametrize(
    "value",
    [
        {"input": {"name": SECRET, "type": SECRET, "list": [{"id": SECRET}]}},
        {"arguments": json.dumps({"city": SECRET})},
        {"metadata": {"id": SECRET}},
        {"role": "user", "name": SECRET},
        {"parameters": {"properties": {"a": {"description": SECRET, "enum": [SECRET]}}}},
        {"source": {"data": SECRET}},
        {"signature": SECRET},
        {"type": "code_interpreter_call", "code": SECRET},
        {"type": "reasoning.summary", "summary": SECRET},
        {"type": "document", "title": SECRET},
        {"delta": SECRET},
        SECRET,
        [[SECRET]],
    ],
)
def test_what_was_said_goes_wherever_it_stands(value: Any) -> None:
    body = json.dumps(value)
    event = f"event: x\r\ndata: {body}\r\n\r\ndata:{body}\n\n"
    for text in (body, body[:-1], event, body + "\n[5 bytes more]"):
        assert SECRET not in mask(text) and len(mask(text)) > len(SECRET)


def test_the_arguments_of_a_call_stay_json() -> None:
    arguments = json.dumps(
        {"city": "Köln\n\u2028\x07", "days": 12, "deep": {"on": True, "off": None}}
    )
    told = json.loads(masked({"arguments": arguments})["arguments"])
    assert told == {"city": "xxxxx\nxxx\x07", "days": 12, "deep": {"on": True, "off": None}}


def test_pieces_of_arguments_are_pieces_of_json() -> None:
    pieces = ['{"a\\n": tr', 'ue, "b": "\\u00', 'e4x", "c": null}']
    whole = "".join(pieces)
    told = mask(json.dumps({"partial_json": whole}))
    assert json.loads(json.loads(told)["partial_json"]) == {"a\n": True, "b": "xxx", "c": None}
    parts = [json.loads(mask(json.dumps({"partial_json": p})))["partial_json"] for p in pieces]
    assert parts[0] == '{"x\\n": xx' and [len(p) for p in parts] == [len(p) for p in pieces]


def test_a_stream_keeps_its_events() -> None:
    stream = (
        'event: a\nid: 7\nretry: 5\ndata: {"type":"t","text":"hello"}\n\n: ping\n\ndata: [DONE]\n\n'
    )
    assert mask(stream) == stream.replace("hello", "xxxxx")


def test_what_is_no_json_is_masked_whole() -> None:
    assert mask("upstream said: no") == "xxxxxxxx xxxx: xx"


def test_a_body_that_is_cut_keeps_its_keys() -> None:
    assert mask('{"role":"user","content":"hello wor') == '{"role":"xxxx","content":"xxxxx xxx'


@given(st.text())
def test_any_text_keeps_its_length(text: str) -> None:
    told = masked({"content": text})["content"]
    assert len(told.encode("utf-8", "surrogatepass")) == len(text.encode("utf-8", "surrogatepass"))
    assert not any(c.isalnum() and c not in "x1" for c in told)


def test_recorded_bodies_keep_their_shape(shared: Path) -> None:
    with gzip.open(shared / "corpus" / "anthropic_messages.json.jsonl.gz", "rt") as lines:
        bodies = [json.loads(line)["request"].get("body") for line in lines]
    for body in [body for body in bodies if isinstance(body, dict)][::5]:
        told = masked(body)
        assert shape(told) == shape(body) and told.get("model") == body.get("model")


def shape(value: Any) -> Any:
    match value:
        case dict():
            return {key: shape(inner) for key, inner in value.items()}
        case list():
            return [shape(item) for item in value]
        case str():
            return len(value.encode())
        case _:
            return value
