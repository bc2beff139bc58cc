"""The conversation: roles, tool results, system text, and how each server wants them."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.transform.context import Context, context
from bridge.transform.families import COMPATIBLE
from bridge.transform.model import (
    Base64Source,
    CacheMark,
    DocumentPart,
    ImagePart,
    Message,
    Native,
    NativePart,
    Part,
    PartsSource,
    Protocol,
    ReasoningPart,
    RefusalPart,
    Request,
    Role,
    TextPart,
    TextSource,
    ToolCallPart,
    ToolResultPart,
    UrlSource,
)
from bridge.transform.names import nine_signs
from bridge.transform.notes import TransformError
from bridge.transform.openai_chat.messages import decode_messages, encode_messages
from bridge.transform.profile import Profile

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
URL = "https://a.example/x.png"
IMAGE = {"type": "image_url", "image_url": {"url": URL}}
PICTURE = ImagePart(UrlSource(URL))
BREAKPOINT = {"mode": "explicit"}


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def said(role: Role, *parts: Part | str, name: str | None = None) -> Message:
    return Message(role, tuple(TextPart(p) if isinstance(p, str) else p for p in parts), name)


def text(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


def calling(call_id: str, name: str = "f", arguments: Any = "{}") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def result(call_id: str, *parts: Part | str, **more: Any) -> ToolResultPart:
    texts = tuple(TextPart(p) if isinstance(p, str) else p for p in parts)
    return ToolResultPart(call_id, texts, **more)


def decode(*messages: Any) -> tuple[Message, ...]:
    return decode_messages({"messages": list(messages)}, context(C, C))


def encode(
    *messages: Message, client: Protocol = A, profile: Profile | None = None
) -> tuple[list[Any], list[str]]:
    ctx = context(client, C, profile)
    return encode_messages(Request(client, "m", messages), ctx), codes(ctx)


CUSTOM = {"id": "2", "type": "custom", "custom": {"name": "c", "input": "4 + 4"}}


@pytest.mark.parametrize(
    "messages, turns",
    [
        pytest.param(
            [{"role": "system", "content": "s"}, {"role": "user", "content": "u", "name": "Ann"}],
            [said("system", "s"), said("user", "u", name="Ann")],
            id="text",
        ),
        pytest.param(
            [{"role": "developer", "content": [text("a"), text("b")]}],
            [said("developer", "a", "b")],
            id="a developer",
        ),
        pytest.param(
            [
                {"role": "user", "content": "u"},
                {"role": "system", "content": "late"},
                {"role": "user", "content": None},
            ],
            [said("user", "u"), said("system", "late"), said("user")],
            id="late system text stays in its place",
        ),
        pytest.param(
            [{"role": "assistant", "content": "a", "refusal": "no", "annotations": []}],
            [said("assistant", "a", RefusalPart("no"))],
            id="an answer with its refusal",
        ),
        pytest.param(
            [{"role": "assistant", "tool_calls": [calling("1", arguments='{"a":1}'), CUSTOM]}],
            [
                said(
                    "assistant",
                    ToolCallPart("1", "f", '{"a":1}'),
                    ToolCallPart("2", "c", "4 + 4", "custom"),
                )
            ],
            id="calls, without content",
        ),
        pytest.param(
            [{"role": "assistant", "tool_calls": [calling("1", arguments=a) for a in (None, "")]}],
            [said("assistant", ToolCallPart("1", "f", "{}"), ToolCallPart("1", "f", "{}"))],
            id="arguments that are nothing",
        ),
        pytest.param(
            [{"role": "assistant", "tool_calls": [calling("1", arguments={"a": 1})]}],
            [said("assistant", ToolCallPart("1", "f", '{"a":1}'))],
            id="arguments as an object",
        ),
        pytest.param(
            [{"role": "assistant", "tool_calls": [{"function": {"name": "f"}, "index": 0}]}],
            [said("assistant", ToolCallPart("", "f", "{}"))],
            id="a call without id and type",
        ),
        pytest.param(
            [{"role": "assistant", "content": "a", "tool_calls": None, "function_call": None}],
            [said("assistant", "a")],
            id="nulls",
        ),
        pytest.param(
            [
                {"role": "assistant", "tool_calls": [calling("1"), CUSTOM]},
                {"role": "tool", "tool_call_id": "1", "content": "r", "name": "f"},
                {"role": "tool", "tool_call_id": "2", "content": [text("s"), IMAGE]},
                {"role": "user", "content": "u"},
            ],
            [
                said(
                    "assistant",
                    ToolCallPart("1", "f", "{}"),
                    ToolCallPart("2", "c", "4 + 4", "custom"),
                ),
                said("tool", result("1", "r"), result("2", "s", PICTURE, kind="custom")),
                said("user", "u"),
            ],
            id="results that follow each other are one turn",
        ),
        pytest.param(
            [
                {"role": "tool", "tool_call_id": "1", "content": "[tool error] it broke"},
                {"role": "tool", "tool_call_id": "2", "content": "[tool error]"},
                {"role": "tool", "content": ""},
            ],
            [
                said(
                    "tool",
                    result("1", "it broke", is_error=True),
                    result("2", is_error=True),
                    result(""),
                )
            ],
            id="results that are errors, and empty ones",
        ),
        pytest.param(
            [
                {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
                {"role": "function", "name": "f", "content": "r"},
                {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
                {"role": "function", "name": "f", "content": "s"},
                {"role": "function", "name": "g", "content": "t"},
            ],
            [
                said("assistant", ToolCallPart("call_legacy_1", "f", "{}")),
                said("tool", result("call_legacy_1", "r", name="f")),
                said("assistant", ToolCallPart("call_legacy_2", "f", "{}")),
                said("tool", result("call_legacy_2", "s", name="f"), result("", "t", name="g")),
            ],
            id="the older form has no ids",
        ),
        pytest.param(
            [{"role": "assistant", "content": "a", "function_call": {"name": "", "arguments": ""}}],
            [said("assistant", "a")],
            id="an empty function_call is none",
        ),
        pytest.param(
            [{"role": "user", "content": "u", "images": ["iVBORw0KGgo="]}],
            [said("user", "u", ImagePart(Base64Source("image/png", "iVBORw0KGgo=")))],
            id="Ollama's images",
        ),
        pytest.param(
            [{"role": "user", "content": [text("u"), IMAGE], "cache_control": {"ttl": "1h"}}],
            [said("user", "u", ImagePart(UrlSource(URL), cache=CacheMark("1h")))],
            id="a breakpoint on a message is on its last part",
        ),
        pytest.param(
            [{"role": "assistant", "refusal": "no", "cache_control": {"type": "ephemeral"}}],
            [said("assistant", RefusalPart("no"))],
            id="if one can have it",
        ),
        pytest.param(
            [
                {
                    "role": "tool",
                    "tool_call_id": "1",
                    "content": "r",
                    "cache_control": {"type": "ephemeral"},
                }
            ],
            [said("tool", result("1", "r", cache=CacheMark()))],
            id="or the result",
        ),
        pytest.param(
            [{"role": "assistant", "content": None, "audio": {"id": "audio_1"}}],
            [
                said(
                    "assistant",
                    NativePart(
                        Native(C, ({"type": "audio", "audio": {"id": "audio_1"}},)),
                        "audio_unsupported",
                    ),
                )
            ],
            id="an answer that was spoken",
        ),
        pytest.param(
            [{"role": "assistant", "content": [{"type": "thinking", "thinking": "t"}, text("a")]}],
            [
                said(
                    "assistant",
                    ReasoningPart(
                        "t",
                        Native(
                            C,
                            (
                                {
                                    "field": "content",
                                    "details": [
                                        {
                                            "type": "thinking",
                                            "thinking": [{"type": "text", "text": "t"}],
                                        }
                                    ],
                                },
                            ),
                        ),
                    ),
                    "a",
                )
            ],
            id="reasoning in the content (Mistral)",
        ),
    ],
)
def test_a_history_is_read(messages: list[Any], turns: list[Message]) -> None:
    assert list(decode(*messages)) == turns


def test_places_are_those_of_the_client() -> None:
    turns = decode(
        {"role": "user", "content": [text("u")]},
        {"role": "assistant", "tool_calls": [calling("1")]},
        {"role": "tool", "tool_call_id": "1", "content": "r"},
        {"role": "tool", "tool_call_id": "2", "content": "s"},
    )
    assert [turn.where for turn in turns] == ["messages[0]", "messages[1]", "messages[2]"]
    assert turns[0].parts[0].where == "messages[0].content[0]"
    assert turns[1].parts[0].where == "messages[1].tool_calls[0].function"
    assert turns[2].parts[1].where == "messages[3]"


@pytest.mark.parametrize(
    "messages, where",
    [
        pytest.param(None, "messages", id="none"),
        pytest.param([], "messages", id="an empty list"),
        pytest.param([5], "messages[0]", id="a number"),
        pytest.param([{}], "messages[0].role", id="no role"),
        pytest.param([{"role": "bot"}], "messages[0].role", id="an unknown role"),
        pytest.param(
            [{"role": "assistant", "tool_calls": [{"type": "function"}]}],
            "messages[0].tool_calls[0].function",
            id="a call of nothing",
        ),
        pytest.param(
            [{"role": "assistant", "tool_calls": [calling("1", None)]}],  # type: ignore[arg-type]
            "messages[0].tool_calls[0].function.name",
            id="a call without a name",
        ),
        pytest.param(
            [{"role": "assistant", "tool_calls": [{"type": "custom"}]}],
            "messages[0].tool_calls[0].custom",
            id="a freeform call of nothing",
        ),
        pytest.param([{"role": "function"}], "messages[0].name", id="a result of nothing"),
    ],
)
def test_a_fault_is_named_with_its_place(messages: Any, where: str) -> None:
    with pytest.raises(TransformError) as raised:
        decode_messages({"messages": messages}, context(C, C))
    assert raised.value.where == where


CALL = ToolCallPart("1", "f", "{}")


@pytest.mark.parametrize(
    "turns, messages, noted",
    [
        pytest.param(
            [said("system", "s"), said("user", "u")],
            [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
            [],
            id="one text is a string",
        ),
        pytest.param(
            [said("system", "a", TextPart("b", cache=CacheMark()))],
            [
                {
                    "role": "system",
                    "content": [text("a"), text("b", prompt_cache_breakpoint=BREAKPOINT)],
                }
            ],
            [],
            id="more of it, or a breakpoint, is a list",
        ),
        pytest.param(
            [
                said(
                    "system",
                    NativePart(Native(A, ({"type": "text"},)), "billing_header_dropped"),
                    "s",
                )
            ],
            [{"role": "system", "content": "s"}],
            ["billing_header_dropped"],
            id="without the billing line",
        ),
        pytest.param(
            [said("system", NativePart(Native(A, ({},)), "item_dropped")), said("user", "u")],
            [{"role": "user", "content": "u"}],
            ["item_dropped"],
            id="system text of which nothing is left",
        ),
        pytest.param(
            [said("developer", "s", PICTURE)],
            [{"role": "developer", "content": "s"}],
            ["item_dropped"],
            id="an image in it (Responses)",
        ),
        pytest.param(
            [said("user", "u"), said("system", "late"), said("assistant", "a"), said("user", "v")],
            [
                {"role": "user", "content": "u"},
                {"role": "system", "content": "late"},
                {"role": "assistant", "content": "a"},
                {"role": "user", "content": "v"},
            ],
            [],
            id="late system text stays in its place",
        ),
        pytest.param(
            [said("user", "u"), said("assistant", "a", "b"), said("user")],
            [
                {"role": "user", "content": "u"},
                {"role": "assistant", "content": "ab"},
                {"role": "user", "content": ""},
            ],
            [],
            id="text in several blocks is one",
        ),
        pytest.param(
            [said("assistant", TextPart("a", cache=CacheMark()), "b", "c"), said("user", "u")],
            [
                {
                    "role": "assistant",
                    "content": [text("a", prompt_cache_breakpoint=BREAKPOINT), text("bc")],
                },
                {"role": "user", "content": "u"},
            ],
            [],
            id="up to a breakpoint",
        ),
        pytest.param(
            [said("assistant", "a", CALL), said("tool", result("1", "r"))],
            [
                {"role": "assistant", "content": "a", "tool_calls": [calling("1")]},
                {"role": "tool", "tool_call_id": "1", "content": "r"},
            ],
            [],
            id="a call beside text",
        ),
        pytest.param(
            [said("assistant", CALL), said("tool", result("1", is_error=True))],
            [
                {"role": "assistant", "content": None, "tool_calls": [calling("1")]},
                {"role": "tool", "tool_call_id": "1", "content": "[tool error] "},
            ],
            [],
            id="trap 22: a result that says nothing",
        ),
        pytest.param(
            [
                said("assistant", ToolCallPart("1", "f", '{"_raw":"x"}')),
                said("tool", result("1", "no", "more", is_error=True)),
            ],
            [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [calling("1", arguments="x")],
                },
                {
                    "role": "tool",
                    "tool_call_id": "1",
                    "content": [text("[tool error] no"), text("more")],
                },
            ],
            [],
            id="arguments that were no object, and an error",
        ),
        pytest.param(
            [said("user", NativePart(Native(A, ({},)), "item_dropped"))],
            [],
            ["item_dropped"],
            id="a turn of which nothing is left",
        ),
        pytest.param(
            [
                said("user", "u"),
                said("assistant", ReasoningPart("t", Native(A, ({"type": "thinking"},)))),
                said("user", "v"),
            ],
            [{"role": "user", "content": "u"}, {"role": "user", "content": "v"}],
            ["opaque_foreign"],
            id="or an answer",
        ),
        pytest.param(
            [said("user", "u"), said("assistant", "Sure:")],
            [{"role": "user", "content": "u"}, {"role": "assistant", "content": "Sure:"}],
            ["prefill_unsupported"],
            id="a beginning of the answer",
        ),
        pytest.param(
            [
                said("assistant", ToolCallPart("1", "f", "{}", cache=CacheMark())),
                said("tool", result("1", TextPart("r"), cache=CacheMark())),
            ],
            [
                {"role": "assistant", "content": None, "tool_calls": [calling("1")]},
                {
                    "role": "tool",
                    "tool_call_id": "1",
                    "content": [text("r", prompt_cache_breakpoint=BREAKPOINT)],
                },
            ],
            ["hint_dropped"],
            id="breakpoints of calls have no place, those of results do",
        ),
        pytest.param(
            [
                said("assistant", ToolCallPart("1", "f", "{}", native=Native(A, ({"caller": 1},)))),
                said("tool", result("1", "r")),
            ],
            [
                {"role": "assistant", "content": None, "tool_calls": [calling("1")]},
                {"role": "tool", "tool_call_id": "1", "content": "r"},
            ],
            ["hint_dropped"],
            id="who made a call is not told",
        ),
    ],
)
def test_a_history_of_another_protocol_is_written(
    turns: list[Message], messages: list[Any], noted: list[str]
) -> None:
    assert encode(*turns) == (messages, noted)


def test_trap_21_images_move_behind_the_last_result() -> None:
    two_calls = said("assistant", CALL, ToolCallPart("2", "g", "{}"))
    results = said(
        "tool",
        result("1", "shot:", PICTURE, PICTURE),
        result("2", PICTURE, is_error=True),
    )
    messages, noted = encode(two_calls, results, said("user", "and now?"), said("assistant", "ok"))
    assert messages[1:4] == [
        {
            "role": "tool",
            "tool_call_id": "1",
            "content": [text("shot:"), text("[image 1]"), text("[image 2]")],
        },
        {"role": "tool", "tool_call_id": "2", "content": "[tool error] [image 3]"},
        {
            "role": "user",
            "content": [
                text("[image 1]"),
                IMAGE,
                text("[image 2]"),
                IMAGE,
                text("[image 3]"),
                IMAGE,
                text("and now?"),
            ],
        },
    ]
    assert noted == ["tool_image_moved"] * 3 + ["prefill_unsupported"]


def test_trap_21_images_are_counted_anew_in_each_turn_and_said_without_a_user_turn() -> None:
    round_trip = [said("assistant", CALL), said("tool", result("1", PICTURE))]
    messages, _ = encode(*round_trip, *round_trip)
    assert [m["role"] for m in messages] == ["assistant", "tool", "user"] * 2
    assert messages[2]["content"] == messages[5]["content"] == [text("[image 1]"), IMAGE]


def test_documents_in_results_move_too_and_text_stays() -> None:
    pdf = DocumentPart(Base64Source("application/pdf", "AA=="), "a.pdf")
    messages, noted = encode(said("tool", result("1", "r", pdf)))
    file = {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}
    assert messages[0]["content"] == [text("r"), text("[file 1]")]
    assert messages[1]["content"] == [text("[file 1]"), {"type": "file", "file": file}]
    assert noted == ["tool_image_moved"]


def test_an_answer_keeps_the_text_of_its_documents_and_nothing_else_of_them() -> None:
    pdf = DocumentPart(Base64Source("application/pdf", "AA=="))
    blocks = DocumentPart(PartsSource((TextPart("b"), PICTURE)), "T")
    words = DocumentPart(TextSource("c"))
    answer = said("assistant", "a", pdf, blocks, words, PICTURE)
    messages, noted = encode(said("user", "u"), answer, said("user", "v"))
    assert messages[1] == {"role": "assistant", "content": "aTbc"}
    assert noted == ["item_dropped"]


def test_images_stay_where_a_server_takes_them() -> None:
    profile = Profile(tool_images=True)
    messages, noted = encode(said("tool", result("1", PICTURE, is_error=True)), profile=profile)
    assert messages == [
        {"role": "tool", "tool_call_id": "1", "content": [text("[tool error] "), IMAGE]}
    ]
    assert noted == []


LOCAL = COMPATIBLE[C]


@pytest.mark.parametrize(
    "turns, messages, noted",
    [
        pytest.param(
            [said("developer", "a", "b"), said("user", "u", "v")],
            [
                {"role": "system", "content": "a\n\nb"},
                {"role": "user", "content": [text("u"), text("v")]},
            ],
            [],
            id="system text is one string of the system",
        ),
        pytest.param(
            [said("system", "a"), said("developer", "b"), said("system", "c"), said("user", "u")],
            [{"role": "system", "content": "a\n\nb\n\nc"}, {"role": "user", "content": "u"}],
            [],
            id="all of it at the head is one message",
        ),
        pytest.param(
            [said("system", "a", name="n"), said("system", "b"), said("user", "u")],
            [
                {"role": "system", "name": "n", "content": "a"},
                {"role": "system", "content": "b"},
                {"role": "user", "content": "u"},
            ],
            [],
            id="but what somebody else says",
        ),
        pytest.param(
            [
                said("user", "u"),
                said("system", "late", "text"),
                said("assistant", RefusalPart("no")),
            ],
            [
                {"role": "user", "content": "u"},
                {"role": "user", "content": "<system>late\n\ntext</system>"},
                {"role": "assistant", "content": "no"},
            ],
            ["system_inlined", "prefill_unsupported"],
            id="trap 33: late system text is told by the user",
        ),
        pytest.param(
            [said("assistant", CALL), said("tool", result("1"), result("2", "a", "b"))],
            [
                {"role": "assistant", "content": "", "tool_calls": [calling("1")]},
                {"role": "tool", "tool_call_id": "1", "content": "(no output)"},
                {"role": "tool", "tool_call_id": "2", "content": "a\n\nb"},
            ],
            [],
            id="trap 22: nothing is left empty",
        ),
        pytest.param(
            [said("tool", result("1", is_error=True))],
            [{"role": "tool", "tool_call_id": "1", "content": "[tool error] (no output)"}],
            [],
            id="not even an error",
        ),
    ],
)
def test_compatible_servers_get_less(
    turns: list[Message], messages: list[Any], noted: list[str]
) -> None:
    assert encode(*turns, profile=LOCAL) == (messages, noted)


@pytest.mark.parametrize(
    "turns, messages",
    [
        pytest.param(
            [said("user", "a"), said("user", "b"), said("assistant", "c"), said("assistant", "d")],
            [{"role": "user", "content": "a\n\nb"}, {"role": "assistant", "content": "c\n\nd"}],
            id="texts",
        ),
        pytest.param(
            [said("user", "a"), said("user", PICTURE, "b"), said("user", "c")],
            [{"role": "user", "content": [text("a"), IMAGE, text("b"), text("c")]}],
            id="images among them",
        ),
        pytest.param(
            [said("user", "a"), said("system", "late"), said("user", "b")],
            [{"role": "user", "content": "a\n\n<system>late</system>\n\nb"}],
            id="system text told by the user",
        ),
        pytest.param(
            [said("assistant", "c"), said("assistant", CALL), said("tool", result("1", "r"))],
            [
                {"role": "assistant", "content": "c"},
                {"role": "assistant", "content": "", "tool_calls": [calling("1")]},
                {"role": "tool", "tool_call_id": "1", "content": "r"},
            ],
            id="no calls, nor their results",
        ),
    ],
)
def test_neighbours_are_joined_where_roles_must_alternate(
    turns: list[Message], messages: list[Any]
) -> None:
    assert encode(*turns, client=R, profile=replace(LOCAL, merge_roles=True))[0] == messages


def test_ids_are_made_short_for_calls_of_both_kinds_and_their_results() -> None:
    calls = ToolCallPart("call_1", "f", "{}"), ToolCallPart("call_2", "c", "x", "custom")
    turns = said("assistant", *calls), said("tool", result("call_1", "a"), result("call_2", "b"))
    written, _ = encode(*turns, profile=Profile(short_call_ids=True))
    made = [call["id"] for call in written[0]["tool_calls"]]
    assert made == [nine_signs("call_1"), nine_signs("call_2")]
    assert [message["tool_call_id"] for message in written[1:]] == made


def test_joined_text_with_breakpoints_stays_a_list() -> None:
    profile = Profile(join_text=True)
    marked = TextPart("b", cache=CacheMark())
    messages, _ = encode(said("system", "a", marked), profile=profile)
    assert messages[0]["content"] == [text("a"), text("b", prompt_cache_breakpoint=BREAKPOINT)]


OWN: list[Any] = [
    {"role": "system", "content": "s", "name": "boss"},
    {"role": "user", "content": [text("a"), IMAGE]},
    {
        "role": "assistant",
        "content": [text("a"), text("b"), {"type": "refusal", "refusal": "no"}],
        "tool_calls": [{**calling("1"), "cache_control": {"type": "ephemeral"}}, CUSTOM],
    },
    {"role": "tool", "tool_call_id": "1", "content": [text("r"), text("s")]},
    {"role": "tool", "tool_call_id": "2", "content": "[tool error] it broke"},
    {"role": "developer", "content": "late"},
    {"role": "user", "content": ""},
    {"role": "assistant", "content": "", "audio": {"id": "audio_1"}},
    {"role": "assistant", "content": [{"type": "thinking", "thinking": [text("t")]}, text("a")]},
    {"role": "assistant", "content": "x", "reasoning_content": "thought"},
]


def test_a_clients_own_history_comes_out_as_it_went_in() -> None:
    turns = decode(*OWN)
    assert encode(*turns, client=C) == (OWN, [])


def test_the_older_form_comes_out_as_it_went_in() -> None:
    own = [
        {"role": "user", "content": "u"},
        {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "f", "arguments": '{"a":1}'},
        },
        {"role": "function", "name": "f", "content": "r"},
    ]
    request = Request(C, "m", decode(*own), legacy_functions=True)
    assert encode_messages(request, context(C, C)) == own


def test_a_longer_history_only_appends() -> None:
    turns = [
        said("system", "s"),
        said("user", "u"),
        said("assistant", "a", CALL),
        said("tool", result("1", "r", PICTURE)),
        said("assistant", "b"),
        said("user", "v"),
    ]
    whole, _ = encode(*turns)
    for length in range(1, len(turns)):
        begun, _ = encode(*turns[:length])
        assert whole[: len(begun)] == begun


def test_no_messages_are_no_messages() -> None:
    assert encode() == ([], [])


def test_a_phase_is_a_word_of_responses() -> None:
    turn = Message("assistant", (TextPart("a"),), phase="commentary")
    assert encode(turn, client=R) == ([{"role": "assistant", "content": "a"}], ["hint_dropped"])
