"""The conversation: grouping, system text, what the API demands of the order of turns."""

from typing import Any

import pytest

from bridge.transform.anthropic_messages.messages import decode_messages, encode_messages
from bridge.transform.context import Context, context
from bridge.transform.families import ANTHROPIC
from bridge.transform.model import (
    CacheMark,
    EffortPart,
    ImagePart,
    Message,
    Native,
    NativePart,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChangePart,
    ToolResultPart,
    UrlSource,
)
from bridge.transform.notes import TransformError
from bridge.transform.profile import Profile

A = "anthropic_messages"
NEW, OLD = "claude-opus-5-5", "claude-sonnet-4-5"  # takes system messages, or not


def own() -> Context:
    return context(A, A)


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def said(role: Role, *parts: Part | str) -> Message:
    return Message(role, tuple(TextPart(p) if isinstance(p, str) else p for p in parts))


def text(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


def turn(role: str, *blocks: dict[str, Any] | str) -> dict[str, Any]:
    return {"role": role, "content": [text(b) if isinstance(b, str) else b for b in blocks]}


def native(block: dict[str, Any], upstream: str = "") -> Native:
    return Native(A, (block,), upstream)


OBJECT: dict[str, Any] = {"type": "object", "properties": {}}
USE = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": [text("42")]}
CALL = ToolCallPart("t1", "f", "{}")
ANSWER = ToolResultPart("t1", (TextPart("42"),))
SUMMARY = {"type": "compaction", "content": "so far"}
SUMMED = NativePart(Native(A, (SUMMARY,)), "hint_dropped", "so far")
BILLING = text("x-anthropic-billing-header: cc_version=2; cch=1")
SEARCHED = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}
FOUND = NativePart(Native(A, (SEARCHED,)), "server_tool_dropped")


def thought(text: str, upstream: str = "") -> ReasoningPart:
    block = {"type": "thinking", "thinking": text, "signature": f"signature of {text}"}
    return ReasoningPart(text, Native(A, (block,), upstream))


# --- decoding


@pytest.mark.parametrize(
    "system, messages",
    [
        pytest.param(None, [], id="absent"),
        pytest.param("", [], id="empty"),
        pytest.param([], [], id="no blocks"),
        pytest.param("Be brief.", [said("system", "Be brief.")], id="a string"),
        pytest.param(
            [text("A"), text("B", cache_control={"type": "ephemeral"})],
            [said("system", "A", TextPart("B", cache=CacheMark()))],
            id="blocks are one message",
        ),
        pytest.param(
            [BILLING, text("A")],
            [said("system", NativePart(Native(A, (BILLING,)), "billing_header_dropped"), "A")],
            id="a billing header, which nobody else gets (trap 34)",
        ),
        pytest.param(
            BILLING["text"] + "\nA",
            [said("system", NativePart(Native(A, (BILLING,)), "billing_header_dropped"), "A")],
            id="a billing header in the same text",
        ),
    ],
)
def test_system_text_stands_at_the_head(system: Any, messages: list[Message]) -> None:
    body = {"system": system, "messages": [turn("user", "Hi")]}
    assert decode_messages(body, own()) == (*messages, said("user", "Hi"))


@pytest.mark.parametrize(
    "wire, messages",
    [
        pytest.param(turn("user", "Hi"), [said("user", "Hi")], id="a user"),
        pytest.param({"role": "user", "content": "Hi"}, [said("user", "Hi")], id="as a string"),
        pytest.param({"role": "user", "content": []}, [said("user")], id="a user without a word"),
        pytest.param(
            turn("assistant", "Ok.", USE), [said("assistant", "Ok.", CALL)], id="an assistant"
        ),
        pytest.param(turn("user", RESULT), [said("tool", ANSWER)], id="results alone"),
        pytest.param(
            turn("user", "Look:", RESULT, "Well?"),
            [said("tool", ANSWER), said("user", "Look:", "Well?")],
            id="results come first, whatever stood before them (trap 19)",
        ),
        pytest.param(
            turn("assistant", SUMMARY, "Ok."),
            [said("user", SUMMED), said("assistant", "Ok.")],
            id="a summary is told by the user",
        ),
        pytest.param(turn("user", SUMMARY), [said("user", SUMMED)], id="a summary by itself"),
        pytest.param(turn("system", "New."), [said("system", "New.")], id="late system text"),
    ],
)
def test_a_message_becomes_turns(wire: Any, messages: list[Message]) -> None:
    ctx = own()
    assert decode_messages({"messages": [wire]}, ctx) == tuple(messages)
    assert codes(ctx) == []


ITEMS = (
    {"type": "message", "role": "user", "content": "A"},
    {"type": "compaction", "id": "cmp_1", "encrypted_content": "e"},
)


def sealed_summary(ctx: Context, *items: Any) -> Any:
    sealed = ctx.seal(Native("openai_responses", items, "up"))
    return {"messages": [turn("assistant", {**SUMMARY, "encrypted_content": sealed}, "Ok.")]}


def test_a_summary_that_another_protocol_made_goes_back_to_its_maker() -> None:
    ctx = own()
    summary, answer = decode_messages(sealed_summary(ctx, *ITEMS), ctx)
    part = NativePart(Native("openai_responses", ITEMS, "up"), "opaque_foreign", "so far")
    assert (summary, answer) == (said("user", part), said("assistant", "Ok."))


def test_one_with_nothing_in_it_or_that_was_changed_is_what_it_says() -> None:
    ctx = own()
    [summary, _] = decode_messages(sealed_summary(ctx), ctx)
    assert isinstance(summary.parts[0], NativePart) and codes(ctx) == []
    assert (summary.parts[0].code, summary.parts[0].text) == ("hint_dropped", "so far")
    changed = {**SUMMARY, "encrypted_content": "brg1.x.y"}
    [summary] = decode_messages({"messages": [turn("assistant", changed)]}, ctx)
    assert isinstance(summary.parts[0], NativePart) and codes(ctx) == ["opaque_invalid"]
    assert summary.parts[0].text == "so far"


def test_places_are_the_clients() -> None:
    body = {"system": [text("A")], "messages": [{"role": "user", "content": "Hi"}]}
    system, user = decode_messages(body, own())
    assert (system.where, system.parts[0].where) == ("system", "system[0]")
    assert (user.where, user.parts[0].where) == ("messages[0]", "messages[0].content")


def test_system_text_that_ended_is_left_out() -> None:
    passing = {**turn("system", "Now."), "clear_at": "next_user_message"}
    body = {"messages": [turn("user", "A"), passing, turn("assistant", "B"), turn("user", "C")]}
    ctx = own()
    assert [m.role for m in decode_messages(body, ctx)] == ["user", "assistant", "user"]
    assert codes(ctx) == ["hint_dropped"]


def test_a_tools_answer_ends_it_as_well_and_nothing_else_does() -> None:
    passing = {**turn("system", "Now."), "clear_at": "next_user_message"}
    shorter = [turn("user", "A"), passing, turn("assistant", USE)]
    assert roles({"messages": shorter}) == ["user", "system", "assistant"]
    assert roles({"messages": [*shorter, turn("user", RESULT)]}) == ["user", "assistant", "tool"]
    assert roles({"messages": [passing]}) == ["system"]


def roles(body: Any) -> list[str]:
    return [message.role for message in decode_messages(body, own())]


LOW: dict[str, Any] = {"output_config": {"effort": "low"}}
DEFINITION = {"name": "g", "input_schema": OBJECT}


def change(kind: str, **tool: Any) -> dict[str, Any]:
    return {"type": f"tool_{kind}", "tool": tool}


ADDED = change("addition", type="tool_definition", definition=DEFINITION)


@pytest.mark.parametrize(
    "message, parts, noted",
    [
        pytest.param({"content": "", **LOW}, [EffortPart("low")], [], id="an effort alone"),
        pytest.param({"content": [], **LOW}, [EffortPart("low")], [], id="without blocks"),
        pytest.param(LOW, [EffortPart("low")], [], id="without content"),
        pytest.param(
            {"content": "Go.", **LOW}, [TextPart("Go."), EffortPart("low")], [], id="and a text"
        ),
        pytest.param({"content": "", "output_config": {}}, None, [], id="nothing at all"),
        pytest.param(
            {"content": "Go.", "output_config": {"effort": "heroic"}},
            [TextPart("Go.")],
            ["reasoning_option_dropped"],
            id="an unknown effort",
        ),
        pytest.param(
            {"content": [ADDED, text("Go.")]},
            [ToolChangePart("g", Tool("g", None, OBJECT), native=native(ADDED)), TextPart("Go.")],
            [],
            id="a tool that comes",
        ),
    ],
)
def test_what_system_text_changes(message: Any, parts: list[Part] | None, noted: list[str]) -> None:
    ctx = own()
    body = {"messages": [turn("user", "Hi"), {"role": "system", **message}]}
    expected = [said("user", "Hi"), *([] if parts is None else [said("system", *parts)])]
    assert list(decode_messages(body, ctx)) == expected
    assert codes(ctx) == noted


def test_a_change_stands_where_the_client_said_it() -> None:
    body = {"messages": [turn("user", "Hi"), {**turn("system", ADDED), **LOW}]}
    places = [getattr(part, "where", "") for part in decode_messages(body, own())[1].parts]
    assert places == ["messages[1].content[0].tool", "messages[1].output_config.effort"]


def test_an_effort_before_anybody_has_spoken_is_the_requests_own() -> None:
    told = {**turn("system", "Go."), **LOW}
    body = {"messages": [{"role": "system", **LOW}, told, turn("user", "Hi")]}
    assert list(decode_messages(body, own())) == [said("system", "Go."), said("user", "Hi")]


def test_an_unknown_key_of_a_message_is_noted() -> None:
    ctx = own()
    decode_messages({"messages": [{**turn("user", "Hi"), "id": 1, "name": "Al"}]}, ctx)
    assert [(n.code, n.where) for n in ctx.notes] == [
        ("field_dropped", "messages[0].id"),
        ("field_dropped", "messages[0].name"),
    ]


@pytest.mark.parametrize(
    "body, where, problem",
    [
        pytest.param({}, "messages", "missing", id="no messages"),
        pytest.param({"messages": {}}, "messages", "must be a list, not an object", id="an object"),
        pytest.param(
            {"messages": ["Hi"]}, "messages[0]", "must be an object, not a string", id="a string"
        ),
        pytest.param({"messages": [{}]}, "messages[0].role", "missing", id="no role"),
        pytest.param(
            {"messages": [turn("tool", "x")]},
            "messages[0].role",
            '"tool" is not one of user, assistant, system',
            id="another vendor's role",
        ),
        pytest.param(
            {"messages": [{"role": "user"}]}, "messages[0].content", "missing", id="no content"
        ),
        pytest.param(
            {"messages": [], "system": 5},
            "system",
            "must be a list, not an integer",
            id="a number for system text",
        ),
    ],
)
def test_a_malformed_conversation_is_refused(body: Any, where: str, problem: str) -> None:
    with pytest.raises(TransformError) as refused:
        decode_messages(body, own())
    assert (refused.value.where, refused.value.problem) == (where, problem)


# --- encoding


@pytest.mark.parametrize(
    "messages, system, turns, noted",
    [
        pytest.param(
            [said("system", "A"), said("developer", "B"), said("user", "Hi")],
            [text("A"), text("B")],
            [turn("user", "Hi")],
            [],
            id="leading system text, one block per message",
        ),
        pytest.param(
            [said("user", "Hi"), said("assistant", CALL), said("tool", ANSWER)],
            [],
            [turn("user", "Hi"), turn("assistant", USE), turn("user", RESULT)],
            [],
            id="a tool round",
        ),
        pytest.param(
            [said("user", "A"), said("user", "B")],
            [],
            [turn("user", "A"), turn("user", "B")],
            [],
            id="adjacent user messages are the server's to merge",
        ),
        pytest.param(
            [said("user", "")], [], [turn("user", "(empty)")], ["hint_dropped"], id="a silent user"
        ),
        pytest.param([said("user")], [], [turn("user", "(empty)")], [], id="a user with nothing"),
        pytest.param(
            [said("user", "A"), said("assistant", ""), said("user", "B")],
            [],
            [turn("user", "A"), turn("user", "B")],
            ["hint_dropped"],
            id="a silent assistant",
        ),
        pytest.param(
            [said("assistant", "Hello!"), said("user", "Hi")],
            [],
            [turn("user", "(start)"), turn("assistant", "Hello!"), turn("user", "Hi")],
            ["leading_assistant"],
            id="an assistant that begins",
        ),
        pytest.param(
            [said("system", "A")],
            [text("A")],
            [turn("user", "(start)")],
            ["leading_assistant"],
            id="system text only",
        ),
        pytest.param([], [], [turn("user", "(start)")], ["leading_assistant"], id="nothing"),
        pytest.param(
            [said("user", "Hi"), said("assistant", "Well,")],
            [],
            [turn("user", "Hi"), turn("assistant", "Well,"), turn("user", "Continue.")],
            ["trailing_assistant"],
            id="an assistant that ends",
        ),
        pytest.param(
            [said("user", "Hi"), said("assistant", "A"), said("assistant", "B"), said("user", "C")],
            [],
            [
                turn("user", "Hi"),
                turn("assistant", "A"),
                turn("user", "Continue."),
                turn("assistant", "B"),
                turn("user", "C"),
            ],
            ["trailing_assistant"],
            id="two assistants, as they were sent one by one",
        ),
        pytest.param(
            [Message("user", (TextPart("Hi"),), name="Al")],
            [],
            [turn("user", "Hi")],
            ["name_dropped"],
            id="an author's name",
        ),
        pytest.param(
            [
                said("developer", "Be brief.", ImagePart(UrlSource("https://a.example/x"))),
                said("user", "Hi"),
            ],
            [text("Be brief.")],
            [turn("user", "Hi")],
            ["item_dropped"],
            id="system text with an image (Responses)",
        ),
        pytest.param(
            [
                said("user", "Hi"),
                Message("assistant", (TextPart("Hm"),), phase="commentary"),
                said("user", "Well?"),
            ],
            [],
            [turn("user", "Hi"), turn("assistant", "Hm"), turn("user", "Well?")],
            ["hint_dropped"],
            id="a phase (Responses)",
        ),
    ],
)
def test_a_chat_becomes_messages(
    messages: list[Message], system: list[Any], turns: list[Any], noted: list[str]
) -> None:
    ctx = context("openai_chat", A)
    assert encode_messages(messages, NEW, ctx) == (system, turns)
    assert codes(ctx) == noted


def test_a_prefill_of_this_protocol_stays() -> None:
    messages = [said("assistant", "A"), said("assistant", "B")]
    assert encode_messages(messages, NEW, own())[1] == [
        turn("assistant", "A"),
        turn("assistant", "B"),
    ]


WRAPPED = turn("user", "<system>New.</system>")


@pytest.mark.parametrize(
    "model, messages, turns, inlined",
    [
        pytest.param(
            NEW,
            [said("user", "A"), said("system", "New."), said("assistant", "B"), said("user", "C")],
            [turn("user", "A"), turn("system", "New."), turn("assistant", "B"), turn("user", "C")],
            0,
            id="behind a user, before an answer",
        ),
        pytest.param(
            NEW,
            [said("user", "A"), said("developer", "New.")],
            [turn("user", "A"), turn("system", "New.")],
            0,
            id="at the end",
        ),
        pytest.param(
            NEW,
            [said("user", "A"), said("assistant", CALL), said("tool", ANSWER), said("system", "N")],
            [turn("user", "A"), turn("assistant", USE), turn("user", RESULT), turn("system", "N")],
            0,
            id="behind results",
        ),
        pytest.param(
            NEW,
            [said("user", "A"), said("system", "New."), said("system", "Too.")],
            [turn("user", "A"), turn("system", "New."), turn("system", "Too.")],
            0,
            id="two in a row are one section",
        ),
        pytest.param(
            NEW,
            [said("user", "A"), said("assistant", FOUND), said("system", "New.")],
            [turn("user", "A"), turn("assistant", SEARCHED), turn("system", "New.")],
            0,
            id="behind a server tool's result",
        ),
        pytest.param(
            NEW,
            [said("user", "A"), said("system", "New."), said("user", "B")],
            [turn("user", "A"), WRAPPED, turn("user", "B")],
            1,
            id="before a user it is the user's",
        ),
        pytest.param(
            NEW,
            [said("user", "A"), said("assistant", "B"), said("system", "New."), said("user", "C")],
            [turn("user", "A"), turn("assistant", "B"), WRAPPED, turn("user", "C")],
            1,
            id="behind an answer it opens the user's turn",
        ),
        pytest.param(
            NEW,
            [said("user", "A"), said("assistant", "B"), said("system", "New."), said("system", "")],
            [turn("user", "A"), turn("assistant", "B"), WRAPPED],
            1,
            id="nothing is said by empty system text",
        ),
        pytest.param(
            NEW,
            [said("assistant", ""), said("system", "New.")],
            [WRAPPED],
            1,
            id="with nothing before it",
        ),
        pytest.param(
            OLD,
            [said("user", "A"), said("system", "New."), said("assistant", "B"), said("user", "C")],
            [turn("user", "A"), WRAPPED, turn("assistant", "B"), turn("user", "C")],
            1,
            id="to a model that does not take it",
        ),
    ],
)
def test_trap_33_late_system_text_stays_in_its_place(
    model: str, messages: list[Message], turns: list[Any], inlined: int
) -> None:
    ctx = own()
    assert encode_messages(messages, model, ctx) == ([], turns)
    assert codes(ctx).count("system_inlined") == inlined


def test_inlined_system_text_is_one_block_with_its_last_cache_breakpoint() -> None:
    added = NativePart(Native(A, ({"type": "tool_addition"},)), "item_dropped")
    system = said("system", TextPart("A", cache=CacheMark("1h")), added, "B")
    ctx = own()
    _, turns = encode_messages([said("user", "Hi"), system], OLD, ctx)
    mark = {"type": "ephemeral", "ttl": "1h"}
    assert turns[1] == turn("user", text("<system>A\n\nB</system>", cache_control=mark))
    assert codes(ctx) == ["item_dropped", "system_inlined"]


def test_tools_alone_are_no_text_of_a_user() -> None:
    ctx = own()
    system = said("system", NativePart(Native(A, ({"type": "tool_removal"},)), "item_dropped"))
    assert encode_messages([said("user", "Hi"), system], OLD, ctx)[1] == [turn("user", "Hi")]
    assert codes(ctx) == ["item_dropped"]


def test_some_servers_want_roles_to_alternate() -> None:
    ctx = context("openai_chat", A, Profile(merge_roles=True))
    messages = [
        said("user", "A"),
        said("assistant", CALL),
        said("tool", ANSWER),
        said("system", "B"),
        said("user", "C"),
    ]
    assert encode_messages(messages, "any", ctx)[1] == [
        turn("user", "A"),
        turn("assistant", USE),
        turn("user", RESULT, "<system>B</system>", "C"),
    ]


SET = {"role": "system", "content": [], **LOW}


def less() -> Message:
    return said("developer", EffortPart("low"))


@pytest.mark.parametrize(
    "messages, turns",
    [
        pytest.param(
            [said("user", "A"), said("assistant", "B"), less(), said("user", "C")],
            [turn("user", "A"), turn("assistant", "B"), SET, turn("user", "C")],
            id="between an answer and the next user",
        ),
        pytest.param(
            [said("user", "A"), less(), said("user", "B")],
            [turn("user", "A"), SET, turn("user", "B")],
            id="where no system text could stand",
        ),
        pytest.param([said("user", "A"), less()], [turn("user", "A"), SET], id="at the end"),
        pytest.param(
            [said("user", "A"), said("assistant", "B"), less()],
            [turn("user", "A"), turn("assistant", "B"), SET, turn("user", "Continue.")],
            id="before a user that has to ask for more",
        ),
        pytest.param(
            [said("user", "A"), said("system", "New.", EffortPart("low"))],
            [turn("user", "A"), {**turn("system", "New."), **LOW}],
            id="with a text",
        ),
        pytest.param(
            [said("user", "A"), said("system", "New.", EffortPart("low")), said("user", "B")],
            [turn("user", "A"), WRAPPED, SET, turn("user", "B")],
            id="with a text that a user has to say",
        ),
        pytest.param(
            [said("user", "A"), less(), said("developer", EffortPart("high"), EffortPart("low"))],
            [turn("user", "A"), SET],
            id="of several in one place the last",
        ),
        pytest.param([less(), said("user", "A")], [turn("user", "A")], id="not before anybody"),
    ],
)
def test_an_effort_is_set_in_its_place(messages: list[Message], turns: list[Any]) -> None:
    ctx = context("openai_responses", A)
    assert encode_messages(messages, NEW, ctx) == ([], turns)
    assert "effort_clamped" not in codes(ctx)


@pytest.mark.parametrize(
    "efforts, effort, sent, detail",
    [
        (ANTHROPIC.efforts, "minimal", [{"effort": "low"}], "minimal became low"),
        ((), "high", [], "high became nothing"),
    ],
)
def test_an_effort_is_set_to_a_level_that_there_is(
    efforts: tuple[str, ...], effort: Any, sent: list[Any], detail: str
) -> None:
    ctx = context("openai_responses", A, Profile(efforts=efforts))
    told = said("system", EffortPart(effort, where="input[1]"))
    _, turns = encode_messages([said("user", "A"), told], NEW, ctx)
    assert [turn["output_config"] for turn in turns[1:]] == sent
    assert list(ctx.notes) == [("effort_clamped", "input[1]", detail)]


def test_the_last_effort_holds_where_roles_have_to_alternate() -> None:
    ctx = context("openai_responses", A, Profile(merge_roles=True))
    messages = [said("user", "A"), less(), said("user", "B"), said("assistant", "C")]
    assert encode_messages(messages, "any", ctx)[1][:2] == [turn("user", "A", "B"), SET]


def test_a_tool_comes_in_its_place_and_is_not_strict() -> None:
    ctx = context("openai_responses", A)
    tool = Tool("g", None, OBJECT, strict=True, where="input[1].tools[0]")
    told = said("system", "New.", ToolChangePart("g", tool))
    _, turns = encode_messages([said("user", "A"), told], NEW, ctx)
    assert turns == [turn("user", "A"), turn("system", "New.", ADDED)]
    assert [(n.code, n.where) for n in ctx.notes] == [("strict_downgraded", "input[1].tools[0]")]


@pytest.mark.parametrize(
    "kind, tool",
    [
        ("addition", {"type": "tool_reference", "name": "g"}),
        ("removal", {"type": "tool_reference", "name": "g"}),
        ("removal", {"type": "mcp_toolset_reference", "server_name": "g"}),
        ("removal", {"type": "mcp_tool_reference", "server_name": "s", "name": "g"}),
        ("addition", {"type": "tool_definition", "definition": DEFINITION}),
    ],
)
def test_a_clients_own_changes_come_out_as_they_were(kind: str, tool: dict[str, Any]) -> None:
    told = turn("system", change(kind, **tool), "Go.")
    messages = [turn("user", "A"), {**told, **LOW}]
    decoded = decode_messages({"messages": messages}, own())
    assert encode_messages(decoded, NEW, own()) == ([], messages)


SIGNED = {**SUMMARY, "encrypted_content": "e"}


@pytest.mark.parametrize(
    "behind, turns",
    [
        pytest.param([], [turn("assistant", SIGNED), turn("user", "Continue.")], id="alone"),
        pytest.param(
            [said("user", "A")], [turn("assistant", SIGNED), turn("user", "A")], id="before a user"
        ),
        pytest.param(
            [said("assistant", "A"), said("user", "B")],
            [turn("assistant", SIGNED, "A"), turn("user", "B")],
            id="before the rest of its answer",
        ),
        pytest.param(
            [less(), said("assistant", ""), said("assistant", "A"), said("user", "B")],
            [turn("assistant", SIGNED, "A"), SET, turn("user", "B")],
            id="whatever comes in between",
        ),
    ],
)
def test_a_summary_of_this_upstreams_is_what_it_answered(
    behind: list[Message], turns: list[Any]
) -> None:
    ctx = context("openai_responses", A)
    ctx.upstream_id = "claude"
    summary = said("user", NativePart(native(SIGNED, "claude"), "hint_dropped", "so far"))
    assert encode_messages([summary, *behind], NEW, ctx) == ([], turns)
    assert "leading_assistant" not in codes(ctx)


ROUND = [said("user", "A"), said("assistant", thought("1"), CALL), said("tool", ANSWER)]
NEXT = [said("assistant", "B"), said("user", "C"), said("assistant", thought("2"), "D")]


def thinking_in(messages: list[Message], ctx: Context) -> list[str]:
    _, turns = encode_messages(messages, NEW, ctx)
    return [b["thinking"] for t in turns for b in t["content"] if b["type"] == "thinking"]


@pytest.mark.parametrize(
    "messages, kept, noted",
    [
        pytest.param([*ROUND, *NEXT], ["1", "2"], [], id="all of it is signed"),
        pytest.param(
            [*ROUND, said("assistant", ReasoningPart("x"), "B"), *NEXT[1:]],
            ["2"],
            ["thinking_prefix_dropped", "opaque_foreign"],
            id="what stands before a gap, with its tool loop",
        ),
        pytest.param(
            [*ROUND, *NEXT, said("user", "E"), said("assistant", ReasoningPart("x"), "F")],
            [],
            ["thinking_prefix_dropped", "opaque_foreign"],
            id="all of it, behind which there is only a gap",
        ),
        pytest.param(
            [*ROUND, said("assistant", ReasoningPart("", Native("openai_chat", (), "up"))), *NEXT],
            ["1", "2"],
            ["opaque_foreign"],
            id="none for what another upstream is known to have thought",
        ),
        pytest.param(
            [*ROUND, said("assistant", ReasoningPart("x", Native("openai_chat", ())), "B")],
            [],
            ["thinking_prefix_dropped", "opaque_foreign"],
            id="all before reasoning that may have been this upstream's",
        ),
    ],
)
def test_thinking_goes_back_in_unbroken_runs(
    messages: list[Message], kept: list[str], noted: list[str]
) -> None:
    ctx = own()
    assert thinking_in(messages, ctx) == kept
    assert codes(ctx) == noted


def test_a_longer_history_only_appends() -> None:
    history = [
        said("system", "A"),
        said("user", "B"),
        said("system", "C"),
        said("assistant", thought("1"), CALL),
        said("tool", ANSWER),
        said("assistant", "D"),
        said("assistant", "E"),
        said("user", ""),
    ]
    for profile in (None, Profile(merge_roles=True)):
        ctx = context("openai_chat", A, profile)
        system, longest = encode_messages([*history, said("assistant", "F")], NEW, ctx)
        for length in (3, 5, 6, 8):  # where an answer follows
            shorter = encode_messages(history[:length], NEW, ctx)
            assert shorter[0] == system
            assert shorter[1] == longest[: len(shorter[1])]
