"""The conversation as a person reads it: what is shown, and what is new."""

import json
from typing import Any

import pytest

from bridge.transform.answers import Finish, Response, Usage
from bridge.transform.json_text import dumps
from bridge.transform.model import Protocol
from bridge.transform.reading import Read, read_answer, read_request
from bridge.views.blocks import Block
from bridge.views.settings import Setting
from bridge.views.transcript import Transcript, Turn, of_answer, of_request, turns

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"


def transcript(protocol: Protocol, body: Any) -> Transcript:
    faults: list[str] = []
    return of_request(read_request(protocol, dumps(body), faults), faults)


def call(call_id: str, city: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "weather", "input": {"city": city}}


def result(call_id: str, content: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": content}


def messages(*given: tuple[str, Any]) -> Any:
    told = [{"role": role, "content": content} for role, content in given]
    return {"model": "m", "max_tokens": 9, "messages": told}


def shape(found: Transcript) -> list[tuple[str, list[str]]]:
    """Of each turn the role, and of its blocks the kinds, new ones with a star."""
    return [(t.role, [b.kind + "*" * b.new for b in t.blocks]) for t in found.turns]


INPUT = '{\n  "city": "Paris"\n}'
SAME = [
    pytest.param(
        A,
        {
            **messages(
                ("user", "Weather?"),
                ("assistant", [{"type": "text", "text": "Look"}, {"type": "text", "text": "ing."}]),
                ("user", "Now."),
                ("assistant", [call("1", "Paris")]),
                ("user", [result("1", "15 C"), {"type": "text", "text": "Well?"}]),
            ),
            "system": "Be brief.",
            "tools": [{"name": "weather", "input_schema": {"properties": {"city": {}}}}],
        },
        id=A,
    ),
    pytest.param(
        C,
        {
            "model": "m",
            "max_completion_tokens": 9,
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": "Looking."},
                {"role": "user", "content": [{"type": "text", "text": "Now."}]},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "x",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "x", "content": "15 C"},
                {"role": "user", "content": "Well?"},
            ],
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "weather", "parameters": {"properties": {"city": {}}}},
                }
            ],
        },
        id=C,
    ),
    pytest.param(
        R,
        {
            "model": "m",
            "max_output_tokens": 9,
            "instructions": "Be brief.",
            "input": [
                {"role": "user", "content": "Weather?"},
                {"role": "assistant", "content": "Look"},
                {"role": "assistant", "content": "ing."},
                {"role": "user", "content": "Now."},
                {
                    "type": "function_call",
                    "call_id": "c",
                    "name": "weather",
                    "arguments": '{"city": "Paris"}',
                },
                {"type": "function_call_output", "call_id": "c", "output": "15 C"},
                {"role": "user", "content": "Well?"},
            ],
            "tools": [
                {"type": "function", "name": "weather", "parameters": {"properties": {"city": {}}}}
            ],
        },
        id=R,
    ),
]


@pytest.mark.parametrize("protocol, body", SAME)
def test_a_conversation_looks_the_same_in_every_protocol(protocol: Protocol, body: Any) -> None:
    assert transcript(protocol, body) == Transcript(
        settings=(Setting("model", "m"), Setting("max tokens", "9")),
        tools=("weather(city?)",),
        turns=(
            Turn("system", (Block("text", "Be brief."),)),
            Turn("user", (Block("text", "Weather?"),)),
            Turn("assistant", (Block("text", "Looking."),)),
            Turn("user", (Block("text", "Now."),)),
            Turn(
                "assistant",
                (Block("call", INPUT, "weather"), Block("result", "15 C", "weather", new=True)),
            ),
            Turn("user", (Block("text", "Well?", new=True),)),
        ),
    )


def test_results_stand_beside_their_calls_and_the_next_answer_is_a_turn_of_its_own() -> None:
    found = transcript(
        A,
        messages(
            ("user", "?"),
            ("assistant", [call("1", "Paris"), call("2", "Rome")]),
            ("user", [result("2", "20 C"), result("1", "15 C")]),
            ("assistant", [call("3", "Oslo")]),
            ("user", [result("3", "1 C")]),
        ),
    )
    assert [[block.text for block in turn.blocks] for turn in found.turns] == [
        ["?"],
        [INPUT, "15 C", INPUT.replace("Paris", "Rome"), "20 C"],
        [INPUT.replace("Paris", "Oslo"), "1 C"],
    ]
    assert shape(found)[-1] == ("assistant", ["call", "result*"])


def test_ids_that_come_again_mean_the_latest_call() -> None:
    found = transcript(
        A,
        messages(
            ("user", "?"),
            ("assistant", [call("1", "Paris")]),
            ("user", [result("1", "15 C")]),
            ("assistant", [call("1", "Rome")]),
            ("user", [result("1", "20 C"), result("1", "21 C"), result("9", "lost")]),
        ),
    )
    assert [(turn.role, turn.blocks[-1].text) for turn in found.turns] == [
        ("user", "?"),
        ("assistant", "15 C"),
        ("assistant", "20 C"),
        ("tool", "lost"),
    ]
    assert [block.text for block in found.turns[-1].blocks] == ["21 C", "lost"]


def test_what_is_behind_the_last_answer_is_new() -> None:
    before = [("user", "a"), ("assistant", "b")]
    found = transcript(A, messages(*before, ("user", "c"), ("system", "d")))
    assert [turn.new for turn in found.turns] == [False, False, True, True]
    assert [turn.new for turn in transcript(A, messages(("user", "a"))).turns] == [True]
    assert not any(turn.new for turn in transcript(A, messages(*before)).turns)


def test_neighbours_of_one_speaker_are_one_turn_by_the_same_name_only() -> None:
    told = [("ann", "a"), ("ann", "b"), ("bob", "c"), (None, "d")]
    body = {"messages": [{"role": "user", "name": name, "content": text} for name, text in told]}
    assert [(turn.name, len(turn.blocks)) for turn in transcript(C, body).turns] == [
        ("ann", 2),
        ("bob", 1),
        ("", 1),
    ]


def test_what_a_model_said_in_pieces_is_one_text_with_all_its_sources() -> None:
    pieces = [
        {"type": "text", "text": text, "citations": [{"type": "x", "url": url}] if url else []}
        for text, url in (("It is ", ""), ("dry", "https://a"), (" and ", ""), ("hot", "https://b"))
    ]
    said = [*pieces, {"type": "tool_use", "id": "1", "name": "f", "input": {}}, pieces[0]]
    read = read_answer(A, dumps({"type": "message", "content": said}))
    [turn] = of_answer(read).turns
    assert [(block.kind, block.text, block.detail) for block in turn.blocks] == [
        ("text", "It is dry and hot", "cites https://a, https://b"),
        ("call", "{}", ""),
        ("text", "It is ", ""),
    ]


def test_a_turn_that_says_nothing_is_not_shown() -> None:
    assert transcript(C, {"messages": [{"role": "user", "content": ""}]}).turns == ()
    assert transcript(A, messages(("user", ""))).turns == ()
    empty = Response("", "m", (), Finish("stop"))
    assert of_answer(Read(empty)).turns == ()


def test_what_could_not_be_read_is_told() -> None:
    found = transcript(A, {"model": "m", "temperature": "x", "messages": []})
    assert found.faults == ("temperature: must be a number, not a string",)


# --- answers


def test_an_answer_tells_why_it_ended_and_the_tokens_it_took() -> None:
    usage = Usage(9, 0, cache_read_tokens=4, cache_write_tokens=0, reasoning_tokens=None)
    finish = Finish("refusal", "x", None, "not allowed", "cyber")
    found = of_answer(Read(Response("i", "m", (), finish, usage)))
    assert found.settings == (Setting("model", "m"),)
    assert found.usage == (("input_tokens", 9), ("output_tokens", 0), ("cache_read_tokens", 4))
    assert found.stop == "refusal: cyber: not allowed"
    stopped = Response("i", "", (), Finish("stop_sequence", stop_sequence="END"))
    assert of_answer(Read(stopped)) == Transcript(stop="stop_sequence: END")


def test_an_answer_that_broke_off_has_no_end() -> None:
    body = (
        b'data: {"id":"i","model":"m","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
        b'data: {"error":{"message":"busy","code":"overloaded"}}\n\n'
    )
    found = of_answer(read_answer(C, body))
    assert (found.stop, found.error) == ("", "overloaded: busy")
    assert found.turns == (Turn("assistant", (Block("text", "Hel", new=True),)),)
    cut = of_answer(read_answer(C, body[:80] + b"\n[9 bytes more]"))
    assert (cut.stop, cut.error) == ("", "") and cut.faults


def test_nothing_was_said_at_all() -> None:
    found = of_answer(read_answer(C, b"Not here", 404))
    assert found == Transcript(error="not_found: Not here")


def test_the_answer_can_stand_behind_its_request() -> None:
    request = read_request(A, dumps(messages(("user", "a"))))
    body = dumps({"type": "message", "content": [{"type": "text", "text": "b"}]})
    assert [turn.role for turn in turns(request, read_answer(A, body))] == ["user", "assistant"]
    assert turns(request, Read()) == turns(request)


def test_as_data_it_is_plain() -> None:
    found = transcript(*SAME[0].values)
    told = found.as_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["settings"] == {"model": "m", "max tokens": "9"}
    assert told["turns"][-1] == {
        "role": "user",
        "name": "",
        "new": True,
        "blocks": [
            {
                "kind": "text",
                "text": "Well?",
                "title": "",
                "detail": "",
                "new": True,
                "where": "messages[4].content[1]",
            }
        ],
    }
