"""Bodies as no vendor sends them, and texts that were cut: what views have to bear."""

import json
from typing import Any

from hypothesis import strategies as st

KEYS = st.sampled_from(
    """
    model max_tokens max_output_tokens messages input content role type text tools name id call_id
    tool_use_id tool_calls function arguments input_schema parameters system instructions choices
    message delta output usage finish_reason status error index summary thinking signature source
    image_url url data media_type tool_choice metadata user_id user safety_identifier annotations
    reasoning_content reasoning_details cache_control response item part output_index
    content_index content_block partial_json custom file namespace items logprobs refusal
    """.split()
)
WORDS = st.sampled_from(
    """
    user assistant system developer tool message text input_text output_text tool_use tool_result
    function function_call function_call_output custom reasoning thinking image image_url document
    additional_tools namespace base64 url refusal message_start content_block_start
    content_block_delta message_delta message_stop text_delta input_json_delta citations_delta
    signature_delta response.created response.output_item.added response.output_item.done
    response.output_text.delta response.function_call_arguments.delta response.completed error ping
    """.split()
)
LEAVES = (
    st.none() | st.booleans() | st.integers(-2, 3) | WORDS | st.text(max_size=9) | st.floats(0, 1)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=6)


def typed(kinds: st.SearchStrategy[Any], **fields: st.SearchStrategy[Any]) -> Any:
    """Objects of a kind, with fields that may fit it or not."""
    some = st.fixed_dictionaries({}, optional={"type": kinds, **fields})
    return st.builds(lambda odd, known: {**odd, **known}, OBJECTS, some) | LEAVES


PARTS = st.lists(typed(WORDS), max_size=4)
ITEMS = st.lists(
    typed(WORDS, role=WORDS, content=PARTS, output=PARTS, summary=PARTS, tool_calls=PARTS),
    max_size=4,
)
TOOLS = st.lists(typed(WORDS, tools=PARTS, function=OBJECTS), max_size=4)
CHOICES = st.lists(typed(WORDS, message=typed(WORDS, content=PARTS)), max_size=2)
# Requests and answers, as far as their outline goes.
OUTLINES = st.fixed_dictionaries(
    {},
    optional={
        "system": PARTS,
        "messages": ITEMS,
        "input": ITEMS,
        "content": PARTS,
        "output": ITEMS,
        "choices": CHOICES,
        "tools": TOOLS,
        "max_tokens": LEAVES,
        "usage": OBJECTS,
    },
)


CHUNKS = st.builds(
    lambda choices, rest: {**rest, "choices": choices},
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "index": LEAVES,
                "delta": typed(WORDS, content=PARTS, tool_calls=PARTS, function_call=OBJECTS),
                "message": OBJECTS,
                "logprobs": OBJECTS,
                "finish_reason": LEAVES,
            },
        )
        | LEAVES,
        max_size=3,
    ),
    OBJECTS,
)
EVENTS = CHUNKS | typed(
    WORDS,
    index=LEAVES,
    delta=typed(WORDS),
    content_block=typed(WORDS),
    message=typed(WORDS, content=PARTS),
    item=typed(WORDS, content=PARTS),
    response=typed(WORDS, output=PARTS),
    output_index=LEAVES,
    content_index=LEAVES,
)


@st.composite
def streams(draw: st.DrawFn) -> str:
    """Events of odd content, with line ends of all kinds."""
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines: list[str] = []
    for value in draw(st.lists(EVENTS, max_size=8)):
        name = draw(st.sampled_from(["", "event: error", ": alive", "data", "id: 3"]))
        lines += [name] if name else []
        lines += [f"data: {json.dumps(value, ensure_ascii=draw(st.booleans()))}", ""]
    return "data: [DONE]" + end * 2 + end.join(lines)


@st.composite
def cut(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """A text that breaks off, or is said to, or holds what does not belong there."""
    text = draw(texts)
    at = draw(st.integers(0, len(text)))
    begun = text[:at] + draw(st.sampled_from(["", "", "}", '"', "\\", "\x00", "\ufeff", "\ud800"]))
    return begun + draw(st.sampled_from(["", "\n[12 bytes more]", text[at:]]))


TEXTS = st.one_of(
    OBJECTS.map(json.dumps),
    OUTLINES.map(json.dumps),
    VALUES.map(json.dumps),
    streams(),
    st.text(max_size=50),
    st.just(""),
)
BODIES = TEXTS | cut(TEXTS)
ANYTHING = VALUES | BODIES
NOTES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "code": st.just("hint_dropped"),
            "where": st.sampled_from(["", "messages[0].content[0]", "max_tokens", "stop", "x..["]),
            "detail": LEAVES,
            "severity": LEAVES,
        },
    )
    | LEAVES
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "client": WORDS | LEAVES,
        "upstream": st.sampled_from(["openai_chat", "anthropic_messages"]) | LEAVES,
        "attempts": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "upstream": LEAVES,
                    "outcome": st.sampled_from(["ok", "error"]) | LEAVES,
                    "started": LEAVES,
                    "duration": LEAVES,
                    "status": LEAVES,
                    "reason": LEAVES,
                },
            )
            | LEAVES,
            max_size=3,
        )
        | LEAVES,
        "notes": NOTES | LEAVES,
        "shadow": st.fixed_dictionaries(
            {}, optional={"request": BODIES | LEAVES, "notes": NOTES | LEAVES, "refused": LEAVES}
        )
        | LEAVES,
        "timeline": st.lists(
            st.lists(st.integers(0, 400) | st.floats(), min_size=3, max_size=3) | LEAVES
        )
        | LEAVES,
        "bodies": st.dictionaries(
            st.sampled_from(
                ["client_request", "upstream_request", "upstream_response", "client_response"]
            ),
            BODIES | LEAVES,
        )
        | LEAVES,
    },
)
