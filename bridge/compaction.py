"""Compaction for Responses clients, by upstreams that have none: a summary in place of a history.

In: a client's call of the compact endpoint, named things expanded. Out: a request for a summary,
and of its answer the object that the client expects: what users said, then the summary, sealed so
that the client hands it back unread. The one hard thing is that a client throws its history away
for it, so an answer without a summary has to be an error.
"""

from collections.abc import Callable, Iterator, Mapping

from .store import content_parts, items_of
from .transform import Error, Native
from .transform.fields import optional
from .transform.json_text import Json

PROMPT = """\
The conversation above is about to be replaced by a summary that you write now. Whoever reads it
carries on with the work, and knows nothing else of it but what the user said. Write down:
- what the user wants, with all requirements, preferences and decisions that still hold
- what has been done and found out so far, with exact names, paths, commands, values and errors
- the state of the work: what is finished, what is half done, what failed and why
- what was going to be done next
Leave out nothing that would have to be found out again. Do not go on with the work itself, call no
tools, and answer with the summary alone."""

# What of the call goes into the request. Its answer format is for other answers than this one.
KEPT = frozenset(
    """
    model instructions tools parallel_tool_calls reasoning service_tier prompt_cache_key
    prompt_cache_options prompt_cache_retention
    """.split()
)
NO_SUMMARY = Error("server", "bridge: the upstream gave no summary of the conversation", 502)
TRIGGER = "compaction_trigger"  # an item that asks for what is being done


def compact_request(body: Mapping[str, Json]) -> Json:
    """A Responses request for a summary, to be translated for any upstream.

    TransformError for an `input` that is none: there would be nothing to sum up.
    """
    if not isinstance(body.get("input"), str):
        optional(body.get("input"), list, "input")
    kept = {key: value for key, value in body.items() if key in KEPT}
    if kept.get("tools"):
        kept["tool_choice"] = "none"
    items = [item for item in items_of(body.get("input")) if _type_of(item) != TRIGGER]
    wish = {"type": "message", "role": "user", "content": PROMPT}
    return {**kept, "input": [*items, wish], "store": False}


def compact_answer(
    response: Mapping[str, Json], input: Json, seal: Callable[[Native], str | None]
) -> Json | Error:
    """`response` to such a request as the answer to the call with `input`.

    `seal` makes an envelope, None of what is too large for one.
    """
    summary = "".join(_texts(response)).strip()
    sealed = seal(_native(summary)) if summary else None
    if sealed is None:
        return NO_SUMMARY
    body = str(response["id"]).removeprefix("resp_")
    compaction = {"type": "compaction", "id": f"cmp_{body}", "encrypted_content": sealed}
    return {
        "id": response["id"],
        "object": "response.compaction",
        "created_at": response["created_at"],
        "output": [*_users_messages(input, body), compaction],
        "usage": response.get("usage"),
    }


def _native(summary: str) -> Native:
    """Of no upstream, so that nobody gets it as it is and everybody its text."""
    return Native("openai_responses", ({"type": "compaction", "content": summary},))


def _users_messages(input: Json, body: str) -> list[Json]:
    said = (i for i in items_of(input) if _type_of(i) == "message" and i.get("role") == "user")
    return [
        {
            "type": "message",
            "id": f"msg_{body}_{n}",
            "role": "user",
            "status": "completed",
            "content": content_parts(item),
        }
        for n, item in enumerate(said)
    ]


def _texts(response: Mapping[str, Json]) -> Iterator[str]:
    messages = (item for item in response["output"] if _type_of(item) == "message")
    parts = (part for message in messages for part in message["content"])
    return (part["text"] for part in parts if part["type"] == "output_text")


def _type_of(item: Json) -> str | None:
    return (item.get("type") or "message") if isinstance(item, dict) else None
