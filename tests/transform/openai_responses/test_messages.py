"""The conversation: items gathered to turns, and turns as items."""

from collections.abc import Callable
from typing import Any

import pytest

from bridge.transform.context import Context, context
from bridge.transform.families import COMPATIBLE
from bridge.transform.model import (
    CacheMark,
    DocumentPart,
    EffortPart,
    ImagePart,
    Message,
    Native,
    NativePart,
    Part,
    Protocol,
    ReasoningPart,
    RefusalPart,
    Request,
    Role,
    TextPart,
    TextSource,
    Tool,
    ToolCallPart,
    ToolChangePart,
    ToolResultPart,
    UrlSource,
)
from bridge.transform.notes import TransformError
from bridge.transform.openai_responses.messages import decode_messages, encode_messages
from bridge.transform.prepare import prepare
from bridge.transform.profile import ALL, Profile

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
URL = "https://a.example/x"
PICTURE = ImagePart(UrlSource(URL))
IMAGE = {"type": "input_image", "detail": "auto", "image_url": URL}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}
REASONING = ReasoningPart("", Native(R, (THOUGHT,)))
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {}}
CALL = ToolCallPart("1", "f", "{}")


def codes(ctx: Context) -> list[str]:
    return [note.code for note in ctx.notes]


def said(role: Role, *parts: Part | str, **more: Any) -> Message:
    return Message(role, tuple(TextPart(p) if isinstance(p, str) else p for p in parts), **more)


def result(call_id: str, *parts: Part | str, **more: Any) -> ToolResultPart:
    texts = tuple(TextPart(p) if isinstance(p, str) else p for p in parts)
    return ToolResultPart(call_id, texts, **more)


def native(item: dict[str, Any], code: str, text: str | None = None) -> NativePart:
    return NativePart(Native(R, (item,)), code, text)


def text(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "input_text", "text": text, **more}


def output(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def message(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content, **more}


def calling(call_id: str, name: str = "f", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}", **more}


def answering(call_id: str, output: Any, **more: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output, **more}


def decode(*given: Any, **fields: Any) -> tuple[Message, ...]:
    return decode_messages({"input": list(given), **fields}, context(R, R))


# --- decoding


@pytest.mark.parametrize(
    "body, turns",
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"input": "hi"}, [said("user", "hi")], id="a string"),
        pytest.param(
            {"instructions": "Be brief.", "input": "hi"},
            [said("system", "Be brief."), said("user", "hi")],
            id="instructions come first",
        ),
        pytest.param({"instructions": "", "input": None}, [], id="empty instructions are none"),
    ],
)
def test_a_conversation_is_read(body: dict[str, Any], turns: list[Message]) -> None:
    assert list(decode_messages(body, context(R, R))) == turns


SHELL = {"type": "local_shell_call", "id": "ls_1", "call_id": "1", "action": {"command": ["ls"]}}
SHELL_CALL = ToolCallPart(
    "1", "local_shell", '{"command":["ls"]}', native=Native(R, ({"type": "local_shell_call"},))
)
SHELL_OUTPUT = {"type": "local_shell_call_output", "id": "ls_1", "output": "a"}
PATCHED = {"type": "apply_patch_call_output", "call_id": "1", "status": "failed", "output": "no"}
FOUND = {
    "type": "tool_search_output",
    "call_id": "1",
    "execution": "client",
    "tools": [{"type": "function", "name": "g"}],
}
CONTAINED = {"type": "shell_call", "call_id": "7", "environment": {"type": "container_reference"}}
CONTAINED_OUTPUT = {"type": "shell_call_output", "call_id": "7", "output": []}
HOSTED = "hosted_output_dropped"


@pytest.mark.parametrize(
    "given, turns",
    [
        pytest.param(
            [
                {"role": "system", "content": "s"},
                {"role": "developer", "content": [text("a"), text("b"), IMAGE]},
                {"role": "user", "content": "u"},
            ],
            [said("system", "s"), said("developer", "a", "b", PICTURE), said("user", "u")],
            id="easy messages",
        ),
        pytest.param(
            [
                message("user", [text("u"), IMAGE], status="completed"),
                message("developer", [text("late")]),
                message("user", None),
            ],
            [said("user", "u", PICTURE), said("developer", "late"), said("user")],
            id="full ones, with late system text in its place",
        ),
        pytest.param(
            [
                THOUGHT,
                message("assistant", [output("a")], id="msg_1", phase="commentary"),
                calling("1", id="fc_1", status="completed"),
                calling("2"),
                answering("1", "r"),
                answering("2", "s", id="fco_1"),
                message("assistant", "b", phase="final_answer"),
                message("user", "u"),
            ],
            [
                said(
                    "assistant",
                    REASONING,
                    "a",
                    CALL,
                    ToolCallPart("2", "f", "{}"),
                    phase="commentary",
                ),
                said("tool", result("1", "r"), result("2", "s")),
                said("assistant", "b", phase="final_answer"),
                said("user", "u"),
            ],
            id="what follows each other is one turn",
        ),
        pytest.param(
            [calling("1"), answering("1", "r"), calling("2"), answering("2", "s")],
            [
                said("assistant", CALL),
                said("tool", result("1", "r")),
                said("assistant", ToolCallPart("2", "f", "{}")),
                said("tool", result("2", "s")),
            ],
            id="calls one after the other",
        ),
        pytest.param(
            [message("assistant", [output("a"), {"type": "refusal", "refusal": "no"}])],
            [said("assistant", "a", RefusalPart("no"))],
            id="a refusal",
        ),
        pytest.param([message("assistant", "")], [said("assistant")], id="an empty answer"),
        pytest.param(
            [
                {"type": "additional_tools", "role": "developer", "tools": []},
                message("user", "u"),
                {"type": "configuration_update"},
                THOUGHT,
                {"type": "configuration_update", "text": {"format": {"type": "text"}}},
                message("assistant", "a"),
            ],
            [said("user", "u"), said("assistant", REASONING, "a")],
            id="trap 30: tools and settings are no part of it",
        ),
        pytest.param(
            [
                {"type": "custom_tool_call", "call_id": "1", "name": "c", "input": "4 + 4"},
                {"type": "custom_tool_call_output", "call_id": "1", "output": [text("8"), IMAGE]},
            ],
            [
                said("assistant", ToolCallPart("1", "c", "4 + 4", "custom")),
                said("tool", result("1", "8", PICTURE, kind="custom")),
            ],
            id="trap 21: a freeform tool, and a result with an image",
        ),
        pytest.param(
            [answering("1", "[tool error] it broke"), answering("2", "[tool error]")],
            [said("tool", result("1", "it broke", is_error=True), result("2", is_error=True))],
            id="results that are errors",
        ),
        pytest.param(
            [answering("1", None), {"type": "function_call_output", "name": "f", "output": "r"}],
            [said("tool", result("1"), result("", "r", name="f"))],
            id="an empty result, and one that names its tool",
        ),
        pytest.param(
            [
                {
                    "type": "function_call_output",
                    "name": "f",
                    "namespace": "ns",
                    "output": [text("r", prompt_cache_breakpoint={"mode": "explicit"})],
                }
            ],
            [said("tool", result("", TextPart("r", cache=CacheMark()), name="ns__f"))],
            id="one of a namespace",
        ),
        pytest.param(
            [SHELL, SHELL_OUTPUT],
            [
                said("assistant", SHELL_CALL),
                said("tool", result("1", native(SHELL_OUTPUT, "hint_dropped", "a"))),
            ],
            id="a local shell, whose result has the id of the item",
        ),
        pytest.param(
            [PATCHED, FOUND],
            [
                said(
                    "tool",
                    result("1", native(PATCHED, "hint_dropped", "no"), is_error=True),
                    result("1", native(FOUND, "hint_dropped", "Tools found: g")),
                )
            ],
            id="results of other tools that the app runs",
        ),
        pytest.param(
            [message("user", "u"), SEARCH, message("assistant", "a")],
            [said("user", "u"), said("assistant", native(SEARCH, HOSTED), "a")],
            id="what a hosted tool did",
        ),
        pytest.param(
            [CONTAINED, CONTAINED_OUTPUT],
            [said("assistant", native(CONTAINED, HOSTED), native(CONTAINED_OUTPUT, HOSTED))],
            id="a shell that ran at OpenAI, with its result",
        ),
    ],
)
def test_items_are_gathered_to_turns(given: list[Any], turns: list[Message]) -> None:
    assert list(decode(*given)) == turns


@pytest.mark.parametrize(
    "item, code",
    [
        pytest.param({"type": "mcp_call"}, HOSTED, id="a call of a server"),
        pytest.param({"type": "mcp_list_tools"}, HOSTED, id="its tools"),
        pytest.param({"type": "x_search_call"}, HOSTED, id="trap 30: a call of another vendor"),
        pytest.param({"type": "tool_search_call", "execution": "server"}, HOSTED, id="a search"),
        pytest.param({"type": "tool_search_output", "tools": []}, HOSTED, id="what it found"),
        pytest.param({"type": "computer_call", "call_id": "1"}, "item_dropped", id="a computer"),
        pytest.param({"type": "computer_call_output"}, "item_dropped", id="its screen"),
        pytest.param({"type": "mcp_approval_response"}, "item_dropped", id="an approval"),
        pytest.param({"type": "program", "code": "x"}, "item_dropped", id="a program"),
        pytest.param({"type": "compaction", "encrypted_content": "x"}, "item_dropped", id="-"),
        pytest.param({"type": "odd"}, "item_dropped", id="an unknown item"),
        pytest.param(
            {"type": "item_reference", "id": "x"}, "previous_response_not_found", id="a reference"
        ),
        pytest.param({"id": "x"}, "previous_response_not_found", id="which need not say so"),
    ],
)
def test_items_that_others_do_not_know(item: dict[str, Any], code: str) -> None:
    [turn] = decode(item)
    [part] = turn.parts
    assert isinstance(part, NativePart) and (turn.role, part.code) == ("assistant", code)
    again, written = encode_messages(Request(R, "m", (turn,)), context(R, R))
    assert (again, written) == (None, [{"type": "item_reference", **item}])


def test_results_without_any_id_are_still_results() -> None:
    given = [{"type": "compaction"}, {"type": "local_shell_call_output", "output": "a"}]
    turns = decode(*given)
    assert [turn.role for turn in turns] == ["assistant", "tool"]


def test_places_are_those_of_the_client() -> None:
    turns = decode(message("user", [text("u")]), THOUGHT, calling("1"), answering("1", "r"))
    assert [turn.where for turn in turns] == ["input[0]", "input[1]", "input[3]"]
    assert [part.where for turn in turns for part in turn.parts] == [
        "input[0].content[0]",
        "input[1]",
        "input[2]",
        "input[3]",
    ]


def test_a_turn_has_one_phase() -> None:
    ctx = context(R, R)
    body = {
        "input": [
            message("assistant", "a", phase="commentary"),
            message("assistant", "b", phase="commentary"),
            message("assistant", "c"),
            message("assistant", "d", phase="final_answer"),
        ]
    }
    turns = decode_messages(body, ctx)
    assert list(turns) == [said("assistant", *"abcd", phase="final_answer")]
    assert [(n.code, n.where) for n in ctx.notes] == [("hint_dropped", "input[3].phase")]


def test_what_an_agent_says_to_itself_is_noted_once_and_unknown_keys_each() -> None:
    ctx = context(R, A)
    inner = {"internal_chat_message_metadata_passthrough": {"turn_id": "x"}}
    given = [message("user", "u", **inner), calling("1", **inner), answering("1", "r", odd=1)]
    decode_messages({"input": [*given, calling("2", odd=None)]}, ctx)
    assert [(n.code, n.where) for n in ctx.notes] == [
        ("hint_dropped", "input"),
        ("field_dropped", "input[2].odd"),
    ]


def test_who_calls_is_known_of_calls_alone() -> None:
    ctx = context(R, A)
    program = {"caller": {"type": "program", "caller_id": "p"}}
    results = [answering("1", "r", **program), answering("2", "r", caller={"type": "direct"})]
    calls = [calling("1", **program, **{"async": True}), calling("2", caller={"type": "direct"})]
    turn, _, _ = decode_messages({"input": [*calls, *results, message("user", "u", action=1)]}, ctx)
    assert [part.native for part in turn.parts if isinstance(part, ToolCallPart)] == [
        Native(R, ({**program, "async": True},)),
        None,
    ]
    assert [(n.code, n.where) for n in ctx.notes] == [
        ("hint_dropped", "input[2].caller"),
        ("field_dropped", "input[4].action"),
    ]


def sealed(ctx: Context, *blocks: Any) -> dict[str, Any]:
    native = Native(A, blocks, ctx.upstream_id, "claude")
    return {"type": "compaction", "encrypted_content": ctx.seal(native)}


def test_another_vendors_summary_is_told_by_a_user() -> None:
    ctx = context(R, A)
    ctx.upstream_id = "up"
    block = {"type": "compaction", "content": "so far"}
    turns = decode_messages({"input": [sealed(ctx, block), message("user", "u")]}, ctx)
    part = NativePart(Native(A, (block,), "up", "claude"), "hint_dropped", "so far")
    assert turns == (Message("user", (part,)), said("user", "u"))
    assert encode_messages(Request(R, "m", turns), context(R, R))[1] == [
        message("user", "so far"),
        message("user", "u"),
    ]


def test_a_summary_of_the_upstreams_own_is_its_own_items() -> None:
    ctx = context(A, R)
    ctx.upstream_id = "up"
    items = (message("user", "a"), {"type": "compaction", "encrypted_content": "e"})
    part = NativePart(Native(R, items, "up"), "opaque_foreign", "so far")

    def written(*parts: Any) -> Any:
        return encode_messages(Request(A, "m", (Message("user", parts),)), ctx)[1]

    assert written(part) == [*items]
    assert written(part, TextPart("b")) == [*items, message("user", "b")]
    assert not list(ctx.notes)
    ctx.upstream_id = "other"
    assert written(part) == [message("user", "so far")]
    assert [note.code for note in ctx.notes] == ["opaque_foreign"]


@pytest.mark.parametrize("blocks", [(), ({"type": "compaction", "content": None},)])
def test_a_summary_may_be_hidden(blocks: Any) -> None:
    ctx = context(R, A)
    [turn] = decode_messages({"input": [sealed(ctx, *blocks)]}, ctx)
    assert isinstance(turn.parts[0], NativePart) and turn.parts[0].text is None


LESS = {"type": "configuration_update", "reasoning": {"effort": "low"}}
TOOL = {"type": "function", "name": "g"}
MORE = {"type": "additional_tools", "role": "developer", "tools": [TOOL]}
ADDED = ToolChangePart("g", Tool("g"))
USED = {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
GAVE = {"type": "function_call_output", "call_id": "1", "output": "42"}


@pytest.mark.parametrize(
    "given, turns",
    [
        pytest.param(
            [LESS, MORE, message("developer", "d"), LESS, MORE, message("user", "u")],
            [said("developer", "d"), said("user", "u")],
            id="before anybody has spoken they are the request's",
        ),
        pytest.param(
            [message("user", "u"), LESS, MORE, message("assistant", "a")],
            [
                said("user", "u"),
                said("developer", EffortPart("low")),
                said("developer", ADDED),
                said("assistant", "a"),
            ],
            id="trap 30: in their place",
        ),
        pytest.param(
            [message("user", "u"), THOUGHT, LESS, message("assistant", "a"), message("user", "v")],
            [
                said("user", "u"),
                said("assistant", REASONING, "a"),
                said("developer", EffortPart("low")),
                said("user", "v"),
            ],
            id="inside an answer, behind it",
        ),
        pytest.param(
            [USED, MORE, GAVE, LESS, message("assistant", "a"), MORE],
            [
                said("assistant", CALL),
                said("developer", ADDED),
                said("tool", result("1", "42")),
                said("developer", EffortPart("low")),
                said("assistant", "a"),
                said("developer", ADDED),
            ],
            id="among calls and results",
        ),
    ],
)
def test_what_changes_on_the_way(given: list[Any], turns: list[Message]) -> None:
    ctx = context(R, A)
    assert list(decode_messages({"input": given}, ctx)) == turns
    assert codes(ctx) == []


def test_a_change_stands_where_the_client_said_it() -> None:
    turns = decode_messages({"input": [message("user", "u"), LESS, MORE]}, context(R, A))
    places = [getattr(part, "where", "") for turn in turns[1:] for part in turn.parts]
    assert places == ["input[1].reasoning.effort", "input[2].tools[0]"]


def test_an_unknown_level_changes_nothing() -> None:
    ctx = context(R, A)
    update = {"type": "configuration_update", "reasoning": {"effort": "heroic"}}
    assert decode_messages({"input": [message("user", "u"), update]}, ctx) == (said("user", "u"),)
    assert [(n.code, n.where) for n in ctx.notes] == [
        ("reasoning_option_dropped", "input[1].reasoning.effort")
    ]


@pytest.mark.parametrize(
    "block", [{"type": "message", "role": "assistant", "content": []}, {"choices": []}]
)
def test_an_answer_that_another_vendor_made_comes_with_an_item(block: Any) -> None:
    ctx = context(R, A)
    whole = Native(A, (block,), "up", "m")
    carrier = {"type": "reasoning", "summary": [], "encrypted_content": ctx.seal(whole)}
    given = [message("assistant", "a"), carrier, message("user", "u"), message("assistant", "b")]
    turns = decode_messages({"input": given}, ctx)
    assert turns == (
        said("assistant", "a", native=whole),
        said("user", "u"),
        said("assistant", "b"),
    )


def test_a_summary_that_somebody_changed_is_lost() -> None:
    ctx = context(R, A)
    body = {"input": [{"type": "compaction", "encrypted_content": "brg1.x.y"}]}
    assert decode_messages(body, ctx) == ()
    assert codes(ctx) == ["opaque_invalid"]


@pytest.mark.parametrize(
    "body, where",
    [
        pytest.param({"instructions": 5}, "instructions", id="instructions"),
        pytest.param({"input": 5}, "input", id="no list"),
        pytest.param({"input": ["hi"]}, "input[0]", id="a string in a list"),
        pytest.param({"input": [{"content": "hi"}]}, "input[0].type", id="no role"),
        pytest.param({"input": [message("critic", "x")]}, "input[0].role", id="a role"),
        pytest.param({"input": [message("user", 5)]}, "input[0].content", id="content"),
        pytest.param({"input": [answering("1", 5)]}, "input[0].output", id="a result"),
        pytest.param({"input": [calling("1", namespace=5)]}, "input[0].namespace", id="a place"),
        pytest.param({"input": [{"type": "odd", "call_id": 5}]}, "input[0].call_id", id="an id"),
        pytest.param(
            {"input": [message("assistant", "a", phase=5)]}, "input[0].phase", id="a phase"
        ),
    ],
)
def test_a_fault_is_named_with_its_place(body: dict[str, Any], where: str) -> None:
    with pytest.raises(TransformError) as raised:
        decode_messages(body, context(R, R))
    assert raised.value.where == where


# --- encoding

BRIEF = said("system", "Be brief.")
HI = said("user", "hi")
MARKED = TextPart("a", cache=CacheMark())
BREAK = {"prompt_cache_breakpoint": {"mode": "explicit"}}


def encode(
    *turns: Message, client: Protocol = A, profile: Profile | None = None
) -> tuple[str | None, list[Any], list[str]]:
    ctx = context(client, R, profile)
    instructions, given = encode_messages(Request(client, "m", turns), ctx)
    return instructions, given, codes(ctx)


@pytest.mark.parametrize(
    "client, turns, instructions, given",
    [
        pytest.param(A, [BRIEF, HI], "Be brief.", [message("user", "hi")], id="one text"),
        pytest.param(
            A,
            [said("system", "a", "b"), HI],
            None,
            [message("developer", [text("a"), text("b")]), message("user", "hi")],
            id="two texts",
        ),
        pytest.param(
            A,
            [said("system", MARKED)],
            None,
            [message("developer", [text("a", **BREAK)])],
            id="a text with a breakpoint",
        ),
        pytest.param(
            A,
            [HI, said("system", "late")],
            None,
            [message("user", "hi"), message("developer", "late")],
            id="trap 33: late system text stays in its place",
        ),
        pytest.param(
            C,
            [BRIEF, said("developer", "d"), HI],
            None,
            [message("system", "Be brief."), message("developer", "d"), message("user", "hi")],
            id="messages of Chat keep their roles",
        ),
        pytest.param(
            R,
            [BRIEF, said("system", "s"), HI],
            "Be brief.",
            [message("system", "s"), message("user", "hi")],
            id="so do those of Responses",
        ),
        pytest.param(R, [said("developer", "d")], None, [message("developer", "d")], id="all"),
        pytest.param(A, [], None, [], id="nothing"),
    ],
)
def test_system_text(
    client: Protocol, turns: list[Message], instructions: str | None, given: list[Any]
) -> None:
    assert encode(*turns, client=client) == (instructions, given, [])


def test_trap_34_a_billing_header_is_no_instruction() -> None:
    block = {"type": "text", "text": "x-anthropic-billing-header: x"}
    header = NativePart(Native(A, (block,)), "billing_header_dropped")
    assert encode(said("system", header, "Be brief.")) == (
        "Be brief.",
        [],
        ["billing_header_dropped"],
    )
    assert encode(said("system", header)) == (None, [], ["billing_header_dropped"])


def test_trap_33_a_server_may_know_fewer_roles_and_places() -> None:
    profile = Profile(developer_role=False, late_system=False)
    turns = [said("developer", "d"), HI, said("developer", "late", PICTURE, "text")]
    assert encode(*turns, client=C, profile=profile) == (
        None,
        [
            message("system", "d"),
            message("user", "hi"),
            message("user", "<system>late\n\ntext</system>"),
        ],
        ["system_inlined"],
    )


@pytest.mark.parametrize(
    "turn, given, noted",
    [
        pytest.param(said("developer", EffortPart("low")), [LESS], [], id="an effort"),
        pytest.param(
            said("system", "Go.", EffortPart("low"), ADDED),
            [message("developer", "Go."), LESS, {**MORE, "tools": [{**TOOL, "strict": False}]}],
            [],
            id="a text, an effort and a tool",
        ),
        pytest.param(
            said("system", ToolChangePart("g", Tool("g", namespace="n")), ADDED),
            [
                {
                    **MORE,
                    "tools": [
                        {
                            "type": "namespace",
                            "name": "n",
                            "description": "",
                            "tools": [{**TOOL, "strict": False}],
                        },
                        {**TOOL, "strict": False},
                    ],
                }
            ],
            [],
            id="several tools at once",
        ),
    ],
)
def test_a_change_is_an_item(turn: Message, given: list[Any], noted: list[str]) -> None:
    assert encode(HI, turn) == (None, [message("user", "hi"), *given], noted)


@pytest.mark.parametrize(
    "efforts, effort, noted",
    [(("low", "high"), "low", []), (("high",), "high", ["effort_clamped"])],
)
def test_an_effort_is_a_level_that_there_is(
    efforts: tuple[str, ...], effort: str, noted: list[str]
) -> None:
    update = {"type": "configuration_update", "reasoning": {"effort": effort}}
    told = said("developer", EffortPart("low"))
    assert encode(HI, told, profile=Profile(efforts=efforts, phase=())) == (
        None,
        [message("user", "hi"), update],
        noted,
    )


def test_a_server_without_late_system_text_may_know_changes() -> None:
    told = said("developer", EffortPart("low"))
    assert encode(HI, told, profile=Profile(late_system=False)) == (
        None,
        [message("user", "hi"), LESS],
        [],
    )


FINAL = {"phase": "final_answer"}
COMMENTARY = {"phase": "commentary"}


@pytest.mark.parametrize(
    "turns, given, noted",
    [
        pytest.param(
            [said("user", "a", PICTURE)],
            [message("user", [text("a"), IMAGE])],
            [],
            id="a user",
        ),
        pytest.param([said("user")], [message("user", "")], [], id="who says nothing"),
        pytest.param(
            [said("user", "a", name="Ann")],
            [message("user", "a")],
            ["name_dropped"],
            id="or has a name",
        ),
        pytest.param(
            [said("assistant", "a", "b"), HI],
            [message("assistant", "ab", **FINAL), message("user", "hi")],
            [],
            id="texts in a row are one",
        ),
        pytest.param(
            [said("assistant", "a", CALL, ToolCallPart("2", "c", "4", "custom")), HI],
            [
                message("assistant", "a", **COMMENTARY),
                calling("1"),
                {"type": "custom_tool_call", "call_id": "2", "name": "c", "input": "4"},
                message("user", "hi"),
            ],
            [],
            id="text before calls is commentary",
        ),
        pytest.param(
            [said("assistant", "a", REASONING, "b", CALL, "c"), HI],
            [
                message("assistant", "a", **COMMENTARY),
                THOUGHT,
                message("assistant", "b", **COMMENTARY),
                calling("1"),
                message("assistant", "c", **FINAL),
                message("user", "hi"),
            ],
            [],
            id="items in the order of the parts",
        ),
        pytest.param(
            [said("assistant", RefusalPart("no"), RefusalPart("way"), "a"), HI],
            [
                message("assistant", [{"type": "refusal", "refusal": "no"}], **FINAL),
                message("assistant", [{"type": "refusal", "refusal": "way"}], **FINAL),
                message("assistant", "a", **FINAL),
                message("user", "hi"),
            ],
            [],
            id="refusals",
        ),
        pytest.param(
            [said("assistant"), HI],
            [message("assistant", ""), message("user", "hi")],
            [],
            id="an empty answer",
        ),
        pytest.param(
            [
                said(
                    "assistant",
                    "a",
                    NativePart(Native(A, ({},)), "server_tool_dropped"),
                    ReasoningPart("t"),
                    NativePart(Native(A, ({},)), "hint_dropped", "b"),
                    DocumentPart(TextSource("x")),
                    "c",
                ),
                HI,
            ],
            [
                message("assistant", "a", **FINAL),
                message("assistant", "b"),
                message("assistant", "c", **FINAL),
                message("user", "hi"),
            ],
            ["server_tool_dropped", "opaque_foreign", "hint_dropped", "item_dropped"],
            id="trap 30: what is not the upstream's own is dropped, or gives its text",
        ),
        pytest.param(
            [
                said(
                    "assistant",
                    ToolCallPart(
                        "1", "f", "{}", cache=CacheMark(), native=Native(A, ({"caller": {}},))
                    ),
                )
            ],
            [calling("1")],
            ["hint_dropped", "hint_dropped", "prefill_unsupported"],
            id="marks on calls, and an answer begun",
        ),
    ],
)
def test_turns_of_an_anthropic_client_are_items(
    turns: list[Message], given: list[Any], noted: list[str]
) -> None:
    assert encode(*turns, profile=Profile()) == (None, given, noted)


def border(upstream: str = "", **phase: str) -> Native:
    return Native(R, ({"type": "message", **phase},), upstream)


@pytest.mark.parametrize("phases", [True, False], ids=["told phases", "told none"])
@pytest.mark.parametrize(
    "of",
    [
        pytest.param(lambda native: ReasoningPart("", native), id="carried"),
        pytest.param(lambda native: NativePart(native, "hint_dropped"), id="known"),
    ],
)
def test_messages_of_the_upstream_end_where_they_ended(
    of: Callable[[Native], Part], phases: bool
) -> None:
    turn = said(
        "assistant",
        *("a", of(border(**FINAL)), "b", of(border()), "c"),
        *(REASONING, "d", "e", of(border(**COMMENTARY))),
    )
    inside = COMMENTARY if phases else {}
    profile = Profile(phase=ALL if phases else ())
    assert encode(turn, HI, profile=profile) == (
        None,
        [
            message("assistant", "a", **FINAL),
            message("assistant", "b", **inside),
            message("assistant", "c", **inside),
            THOUGHT,
            message("assistant", "de", **COMMENTARY),
            message("user", "hi"),
        ],
        [],
    )


def test_the_answer_stands_behind_the_last_border() -> None:
    turn = said("assistant", "a", NativePart(border(**COMMENTARY), "hint_dropped"), "b")
    assert encode(turn, HI, profile=Profile())[1] == [
        message("assistant", "a", **COMMENTARY),
        message("assistant", "b", **FINAL),
        message("user", "hi"),
    ]


def test_a_border_of_another_upstream_divides_nothing() -> None:
    turn = said("assistant", "a", ReasoningPart("", border("another")), "b")
    given = [message("assistant", "ab", **FINAL), message("user", "hi")]
    assert encode(turn, HI, profile=Profile()) == (None, given, ["opaque_foreign"])


@pytest.mark.parametrize(
    "part, item",
    [
        pytest.param(result("1", "r"), answering("1", "r"), id="a text"),
        pytest.param(result("1"), answering("1", ""), id="nothing"),
        pytest.param(result("1", "r", "s"), answering("1", [text("r"), text("s")]), id="two texts"),
        pytest.param(
            result("1", "r", PICTURE), answering("1", [text("r"), IMAGE]), id="trap 21: an image"
        ),
        pytest.param(
            result("1", "r", is_error=True), answering("1", "[tool error] r"), id="an error"
        ),
        pytest.param(
            result("1", PICTURE, is_error=True),
            answering("1", [text("[tool error] "), IMAGE]),
            id="an error that is an image",
        ),
        pytest.param(
            result("1", "r", cache=CacheMark()),
            answering("1", [text("r", **BREAK)]),
            id="a breakpoint behind it",
        ),
        pytest.param(
            result("1", "r", kind="custom", name="c"),
            {"type": "custom_tool_call_output", "call_id": "1", "output": "r"},
            id="of a freeform tool",
        ),
        pytest.param(
            result("", "r", name="f"),
            {"type": "function_call_output", "name": "f", "output": "r"},
            id="one that names its tool",
        ),
    ],
)
def test_results_are_items(part: ToolResultPart, item: dict[str, Any]) -> None:
    assert encode(said("tool", part), profile=Profile()) == (None, [item], [])


def test_trap_22_some_models_need_a_word_for_an_empty_result() -> None:
    profile = Profile(empty_tool_result="(no output)")
    assert encode(said("tool", result("1")), profile=profile)[1] == [answering("1", "(no output)")]


@pytest.mark.parametrize(
    "model, phase", [("gpt-5.6", FINAL), ("gpt-4.1", {}), ("my-deployment", {})]
)
def test_only_reasoning_models_are_told_a_phase(model: str, phase: dict[str, str]) -> None:
    ctx = context(C, R)
    ctx.model = model
    turns = (said("assistant", "a"), HI)
    assert encode_messages(Request(C, "m", turns), ctx)[1][0] == message("assistant", "a", **phase)


def test_compatible_servers_are_told_no_phase() -> None:
    assert encode(said("assistant", "a"), HI, profile=COMPATIBLE[R])[1][0] == message(
        "assistant", "a"
    )


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(
            [
                message("user", "u"),
                THOUGHT,
                message("assistant", "a", phase="commentary"),
                message("assistant", [{"type": "refusal", "refusal": "no"}], phase="commentary"),
                calling("1", namespace="ns"),
                SEARCH,
                answering("1", "r", name="f"),
                message("assistant", "b"),
            ],
            id="a turn of all kinds",
        ),
        pytest.param(
            [
                {**SHELL, "action": {"type": "exec", "command": ["ls"], "env": {}}},
                SHELL_OUTPUT,
                {"type": "shell_call", "call_id": "2", "action": {"commands": ["ls"]}},
                {"type": "shell_call_output", "call_id": "2", "output": []},
                {
                    "type": "apply_patch_call",
                    "call_id": "3",
                    "operation": {"type": "delete_file", "path": "a"},
                },
                {"type": "apply_patch_call_output", "call_id": "3", "status": "completed"},
                {
                    "type": "tool_search_call",
                    "call_id": "4",
                    "arguments": {},
                    "execution": "client",
                },
                {**FOUND, "call_id": "4"},
                CONTAINED,
                CONTAINED_OUTPUT,
            ],
            id="the app's own tools",
        ),
    ],
)
def test_a_clients_own_items_come_out_as_they_went_in(given: list[Any]) -> None:
    _, again, noted = encode(*decode(*given), client=R)
    assert again == [{k: v for k, v in item.items() if k != "id" or item in KEPT} for item in given]
    assert noted == []


KEPT = (THOUGHT, SEARCH, SHELL_OUTPUT)  # these keep their ids


def test_texts_of_a_client_stay_apart() -> None:
    turns = decode(message("assistant", [output("a"), output("b")], id="msg_1"))
    assert list(turns) == [said("assistant", "a", "b")]
    _, again, _ = encode(*turns, client=R)
    assert again == [message("assistant", "a"), message("assistant", "b")]
    assert decode(*again) == turns


def test_a_call_of_codex_need_not_name_the_default_namespace() -> None:
    ctx = context(R, C)
    given = [calling("1", "exec"), calling("2", "exec", namespace="functions")]
    body = {"input": [*given, calling("3", "exec", namespace="ns")]}
    prepared, _ = prepare(Request(R, "m", decode_messages(body, ctx)), ctx)
    calls = [p for turn in prepared.messages for p in turn.parts if isinstance(p, ToolCallPart)]
    assert [call.name for call in calls] == ["exec", "exec", "ns__exec"]


def test_a_longer_history_only_appends() -> None:
    turns = [
        BRIEF,
        said("user", "u"),
        said("assistant", REASONING, "a", CALL),
        said("tool", result("1", "r", PICTURE)),
        said("assistant", "b"),
        said("user", "v"),
    ]
    _, whole, _ = encode(*turns)
    for length in range(1, len(turns)):
        _, begun, _ = encode(*turns[:length])
        assert whole[: len(begun)] == begun
