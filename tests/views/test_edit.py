"""A request changed as text: what was changed there is changed in the body, and not a byte more."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform import PROTOCOLS
from bridge.transform.json_text import dumps
from bridge.transform.model import Protocol
from bridge.transform.reading import read_request
from bridge.views.edit import edited
from bridge.views.layout import Passage, laid_out, shown, text_of
from bridge.views.settings import Setting
from bridge.views.transcript import of_request
from tests.transform.strategies import REQUESTS

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"


def passages(protocol: Protocol, body: bytes) -> list[Passage]:
    return laid_out(of_request(read_request(protocol, body)))


def changed(protocol: Protocol, body: bytes, *changes: tuple[str, str]) -> bytes:
    """`body` after each first text in what is shown of it became the second."""
    before = passages(protocol, body)
    text = text_of(before)
    for old, new in changes:
        assert text.count(old) == 1, text
        text = text.replace(old, new)
    return edited(protocol, body, before, text)


MESSAGES = b"""{ "model": "claude", "max_tokens": 100,
  "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
  "unknown": [1.50, "\\u00e9"],
  "messages": [
    {"role": "user", "content": "How warm is it?"},
    {"role": "assistant", "content": [
      {"type": "thinking", "thinking": "A tool, then.", "signature": "c2ln"},
      {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris", "n": 1.0}}]},
    {"role": "user", "content": [
      {"type": "tool_result", "tool_use_id": "t1", "content": "15 C\\n"},
      {"type": "tool_result", "tool_use_id": "t9", "is_error": true,
       "content": [{"type": "text", "text": "gone"}]},
      {"type": "text", "text": "And tomorrow?\\r\\nRain?"}]}
  ], "temperature": 0.5, "stop_sequences": ["END"] }"""
CHAT = b"""{"model":"gpt","reasoning_effort":"low","messages":[
{"role":"system","content":"Be brief."},
{"role":"user","content":[{"type":"text","text":"How warm is it?"}]},
{"role":"assistant","content":null,"tool_calls":[
 {"id":"c1","type":"function",
  "function":{"name":"weather","arguments":"{\\"city\\": \\"Paris\\"}"}},
 {"id":"c2","type":"custom","custom":{"name":"patch","input":"*** old"}}]},
{"role":"tool","tool_call_id":"c1","content":"[tool error] no such city"},
{"role":"tool","tool_call_id":"c2","content":"done"}],"max_tokens":5,"stop":"END"}"""
RESPONSES = b"""{"model":"gpt","instructions":"Be brief.","max_output_tokens":50,
"reasoning":{"effort":"low"},"service_tier":"flex","input":[
{"role":"user","content":"How warm is it?"},
{"type":"function_call","call_id":"c","name":"weather","arguments":"{\\"city\\":\\"Paris\\"}"},
{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"15 C"}]}]}"""


@pytest.mark.parametrize(
    "protocol, body, change, old, new",
    [
        pytest.param(A, MESSAGES, ("Be brief.", "Be long."), b'"Be brief."', b'"Be long."', id="A"),
        pytest.param(
            A,
            MESSAGES,
            ("  How warm is it?", '  How "cold"\n\n    is it,\n  my dear?\n'),
            b'"How warm is it?"',
            b'"How \\"cold\\"\\n\\n  is it,\\nmy dear?"',
            id="a prompt of several lines",
        ),
        pytest.param(A, MESSAGES, ("15 C", "35 C"), b'"15 C\\n"', b'"35 C\\n"', id="a result"),
        pytest.param(A, MESSAGES, ("gone", "here"), b'"gone"', b'"here"', id="one in parts"),
        pytest.param(
            A,
            MESSAGES,
            ("  And tomorrow?\n  Rain?", "  And when?\n  Then?"),
            b'"And tomorrow?\\r\\nRain?"',
            b'"And when?\\r\\nThen?"',
            id="lines end as they did",
        ),
        pytest.param(
            A,
            MESSAGES,
            ('"Paris",', '"Rome",'),
            b'{"city": "Paris", "n": 1.0}',
            b'{"city":"Rome","n":1.0}',
            id="the input of a call",
        ),
        pytest.param(
            A, MESSAGES, ("100", "7"), b'"max_tokens": 100', b'"max_tokens": 7', id="max_tokens"
        ),
        pytest.param(
            A,
            MESSAGES,
            ("model         claude", "model  claude-2 "),
            b'"claude"',
            b'"claude-2"',
            id="the model, with other spaces",
        ),
        pytest.param(A, MESSAGES, ('["END"]', "[]"), b'["END"]', b"[]", id="stop sequences"),
        pytest.param(A, MESSAGES, ("0.5", "1"), b": 0.5", b": 1", id="the temperature"),
        pytest.param(
            C, CHAT, ("Be brief.", "Be long."), b'"Be brief."', b'"Be long."', id="system of Chat"
        ),
        pytest.param(C, CHAT, ("warm", "cold"), b"How warm", b"How cold", id="a part of Chat"),
        pytest.param(
            C,
            CHAT,
            ("no such city", "no such town"),
            b"[tool error] no such city",
            b"[tool error] no such town",
            id="a result that is marked as an error stays one",
        ),
        pytest.param(
            C,
            CHAT,
            ('"Paris"', '"Rome"'),
            b'"{\\"city\\": \\"Paris\\"}"',
            b'"{\\"city\\":\\"Rome\\"}"',
            id="input that is JSON in a string",
        ),
        pytest.param(C, CHAT, ("*** old", "*** new"), b"*** old", b"*** new", id="input of a text"),
        pytest.param(C, CHAT, ('["END"]', '["A"]'), b'"END"', b'["A"]', id="a stop word"),
        pytest.param(C, CHAT, ("    5", "    6"), b":5,", b":6,", id="max_tokens of Chat"),
        pytest.param(C, CHAT, (" low", " high"), b'"low"', b'"high"', id="effort of Chat"),
        pytest.param(
            R, RESPONSES, ("Be brief.", "Hi."), b'"Be brief."', b'"Hi."', id="instructions"
        ),
        pytest.param(R, RESPONSES, ("warm", "cold"), b"How warm", b"How cold", id="a user's item"),
        pytest.param(R, RESPONSES, ("15 C", "35 C"), b'"15 C"', b'"35 C"', id="an output"),
        pytest.param(
            R,
            RESPONSES,
            ("Paris", "Rome"),
            b'"{\\"city\\":\\"Paris\\"}"',
            b'"{\\"city\\":\\"Rome\\"}"',
            id="arguments",
        ),
        pytest.param(R, RESPONSES, ("50", "60"), b":50,", b":60,", id="max_output_tokens"),
        pytest.param(R, RESPONSES, (" low", " high"), b'"low"', b'"high"', id="effort"),
        pytest.param(R, RESPONSES, (" flex", " auto"), b'"flex"', b'"auto"', id="service tier"),
    ],
)
def test_a_change_is_made_and_every_other_byte_stays(
    protocol: Protocol, body: bytes, change: tuple[str, str], old: bytes, new: bytes
) -> None:
    assert body.count(old) == 1
    assert changed(protocol, body, change) == body.replace(old, new)


def test_several_changes_at_once() -> None:
    changes = ("Be brief.", "Be long."), ("15 C", "35 C"), ("100", "7")
    expected = MESSAGES.replace(b"Be brief.", b"Be long.").replace(b"15 C", b"35 C")
    assert changed(A, MESSAGES, *changes) == expected.replace(b"100", b"7")


@pytest.mark.parametrize(
    "touch",
    [
        pytest.param(lambda text: text, id="not at all"),
        pytest.param(lambda text: text + "\n\n", id="lines at the end"),
        pytest.param(lambda text: text.replace("\n", "  \n"), id="spaces at the ends of lines"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="by an editor of Windows"),
        pytest.param(
            lambda text: "\n".join(line.rstrip() for line in text.split("\n")), id="spaces lost"
        ),
    ],
)
@pytest.mark.parametrize("protocol, body", [(A, MESSAGES), (C, CHAT), (R, RESPONSES)])
def test_a_text_that_is_the_same_changes_nothing(
    protocol: Protocol, body: bytes, touch: Any
) -> None:
    before = passages(protocol, body)
    assert edited(protocol, body, before, touch(text_of(before))) is body


LINES = text_of(passages(A, MESSAGES)).split("\n")


def line_of(words: str) -> int:
    return next(n for n, line in enumerate(LINES, 1) if words in line)


@pytest.mark.parametrize(
    "old, new, line, problem",
    [
        pytest.param(
            "  Be brief.",
            "Be brief.",
            line_of("Be brief."),
            "'Be brief.' stands where '━━ user' was",
            id="text at the margin",
        ),
        pytest.param(
            "▸ call weather",
            "▸ call whether",
            line_of("▸ call weather"),
            "'▸ call whether' stands where '▸ call weather' was; text has to be indented",
            id="a heading",
        ),
        pytest.param(
            "━━ system\n",
            "",
            line_of("━━ user") - 1,
            "'━━ user' stands where '━━ system' was",
            id="gone",
        ),
        pytest.param(
            "  A tool, then.",
            "  No tool.",
            line_of("▸ reasoning"),
            "'▸ reasoning' cannot be changed here",
            id="what was thought, which is signed",
        ),
        pytest.param(
            "unknown       [1.5",
            "unknown       [2.5",
            line_of("unknown"),
            "unknown cannot be changed here",
            id="a field of one vendor",
        ),
        pytest.param(
            '"city": "Paris",',
            '"city": "Paris"',
            line_of('"n": 1.0'),
            "no JSON: Expecting ',' delimiter",
            id="input that is no JSON, at its line",
        ),
        pytest.param(
            '{\n    "city": "Paris",\n    "n": 1.0\n  }',
            "[1]",
            line_of("▸ call weather"),
            "the input of a call has to be an object",
            id="input that is no object",
        ),
        pytest.param(
            "    100", "    many", line_of("max tokens"), "no JSON: Expecting value", id="no number"
        ),
        pytest.param(
            "    100",
            "    true",
            line_of("max tokens"),
            "max tokens has to be a number, not true",
            id="nor is a truth",
        ),
        pytest.param(
            '["END"]', "7", line_of("stop "), "stop has to be a list, not 7", id="no list"
        ),
        pytest.param(
            "model         claude",
            "  text above\nmodel         claude",
            1,
            "'' stands where 'model         claude' was",
            id="above all",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(
    old: str, new: str, line: int, problem: str
) -> None:
    with pytest.raises(ValueError) as refused:
        changed(A, MESSAGES, (old, new))
    assert str(refused.value).startswith(f"line {line}: "), refused.value
    assert problem in str(refused.value)


def test_what_was_added_or_cut_off_is_refused() -> None:
    before = passages(A, MESSAGES)
    text = text_of(before)
    end = len(LINES) + 1
    with pytest.raises(ValueError, match=f"line {end}: '━━ user' is no part of the request"):
        edited(A, MESSAGES, before, text + "\n━━ user\n  more")
    with pytest.raises(ValueError, match="line 1: behind it 'model         claude' is missing"):
        edited(A, MESSAGES, before, "")


def test_a_json_number_that_no_vendor_takes_is_refused() -> None:
    with pytest.raises(ValueError, match="line 3: no JSON: NaN is not JSON"):
        changed(A, MESSAGES, ("0.5", "NaN"))


def test_a_request_that_cannot_be_read_in_full_is_not_changed() -> None:
    body = MESSAGES.replace(b'"role": "user", "content": "How', b'"role": "ewe", "content": "How')
    with pytest.raises(ValueError, match="cannot be read in full cannot be changed here: mess"):
        changed(A, body, ("15 C", "35 C"))


def test_a_text_of_several_places_is_not_changed() -> None:
    said = [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}]
    body = dumps({"messages": [{"role": "user", "content": "x"}, *said]})
    with pytest.raises(ValueError, match="line 4: '━━ assistant' cannot be changed here"):
        changed(C, body, ("  ab", "  ba"))


def test_an_image_and_an_empty_result_are_not_changed() -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://a"}}
    call = {"type": "tool_use", "id": "1", "name": "f", "input": {}}
    told = [("user", [image]), ("assistant", [call])]
    told.append(("user", [{"type": "tool_result", "tool_use_id": "1"}]))
    body = dumps({"model": "m", "messages": [{"role": r, "content": c} for r, c in told]})
    with pytest.raises(
        ValueError, match="line 4: '▸ image image: https://a' cannot be changed here"
    ):
        changed(A, body, ("https://a", "https://a\n  text"))
    with pytest.raises(ValueError, match="line 9: '▸ result f: empty .new.' cannot be changed"):
        changed(A, body, ("f: empty (new)", "f: empty (new)\n  text"))


# --- what was shown is another body that says the same


def test_a_change_is_made_in_the_body_that_goes_upstream() -> None:
    """It has been translated already; what stands above the conversation is no part of it."""
    facts = [Setting("sent to", "chat (openai_chat)")]
    asked = json.loads(RESPONSES)
    repeated = [*asked["input"], asked["input"][0]]
    asked = dumps({**asked, "input": repeated})
    sent = dumps(
        {
            "model": "gpt",
            "max_completion_tokens": 50,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "How warm is it?"},
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [
                        {
                            "id": "c",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city":"Paris"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c", "content": "15 C"},
                {"role": "user", "content": "How warm is it?"},
            ],
        }
    )
    before = laid_out(of_request(read_request(R, asked)), facts)
    head, _, tail = text_of(before).rpartition("How warm")
    changed_text = head.replace("15 C", "35 C").replace("  50", "  60") + "How cold" + tail
    made = json.loads(edited(C, sent, before, changed_text))
    assert made["messages"][3]["content"] == "35 C" and made["max_completion_tokens"] == 60
    assert [made["messages"][n]["content"] for n in (1, 4)] == [
        "How warm is it?",
        "How cold is it?",
    ]
    with pytest.raises(ValueError, match="service tier cannot be changed here"):
        edited(C, sent, before, text_of(before).replace("flex", "auto"))
    with pytest.raises(ValueError, match="'━━ system' cannot be changed here"):
        edited(C, sent.replace(b"brief", b"short"), before, text_of(before).replace("Be b", "b"))


# --- any request, any text


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_any_text_may_take_the_place_of_any_other(protocol: Protocol, data: st.DataObject) -> None:
    body = dumps(data.draw(REQUESTS[protocol]()))
    before = passages(protocol, body)
    assert edited(protocol, body, before, text_of(before)) is body
    said = [n for n, p in enumerate(before) if p.block and p.block.kind == "text" and p.block.where]
    if not said:
        return
    n = data.draw(st.sampled_from(said))
    text = data.draw(st.text(min_size=1))
    after = [*before[:n], before[n]._replace(text=shown(text)), *before[n + 1 :]]
    made = edited(protocol, body, before, text_of(after))
    again = passages(protocol, made)
    tell = [(p.head, said_of(p)) for p in again]
    assert tell == [(p.head, said_of(p)) for p in after] or not shown(text).strip()


def said_of(passage: Passage) -> str:
    """But for space where lines end, and lines at the end, which editors change."""
    return "\n".join(line.rstrip() for line in passage.text.split("\n")).rstrip("\n")
