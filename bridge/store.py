"""Answers that a client may name later, for upstreams that do not know them.

In: each answer as the client got it, with the whole input it answered, and who gave it. Out: a
request that says in full what it only named (a Responses client an answer or an item, a Messages
client a thread), and the answer and its input by id. It lives in memory, bounded. The one
hard thing is what has gone: every answer is kept with its whole input rather than with the id of
the one before it, so it stands for itself when earlier ones are too old, deleted or pushed out.
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from .bounded import Bounded, Bounds
from .transform import TransformError
from .transform.fields import one_of, optional, required
from .transform.json_text import Json, dumps, loads

NOT_FOUND = "previous_response_not_found"
NO_THREAD = "thread_not_found"

# Item type -> how its id begins.
PREFIXES: dict[str, str] = {
    "message": "msg_",
    "reasoning": "rs_",
    "function_call": "fc_",
    "function_call_output": "fco_",
    "custom_tool_call": "ctc_",
    "custom_tool_call_output": "ctco_",
    "compaction": "cmp_",
}
USUAL_LIMIT, MAX_LIMIT = 20, 100  # of a page of input items


class Store:
    """Kept from one call to the next; `now` is any clock in seconds that does not run back."""

    def __init__(self, bounds: Bounds) -> None:
        self._kept = Bounded(bounds)

    @property
    def size(self) -> int:
        """Bytes in use."""
        return self._kept.size

    @property
    def max_bytes(self) -> int:
        return self._kept.bounds.max_bytes

    def resized(self, bounds: Bounds) -> "Store":
        """The same with other bounds, which hold from the next entry on."""
        self._kept.bounds = bounds
        return self

    def record(self, response: Json, input: Json, now: float, by: str = "") -> None:
        """Keep `response`, the whole object as the client got it `by` an upstream, and the expanded
        input of its request. What is too large is not kept, and so not found later."""
        self._kept.expire(now)
        response_id, items = response.get("id"), items_of(input)
        if not isinstance(response_id, str):
            return
        if self._kept.put([_response_key(response_id)], dumps([response, items, by]), now):
            for item_id, _ in _named(response, items):
                self._kept.put([_item_key(item_id)], dumps(response_id), now)

    # --- requests

    def expand(self, body: Json, now: float) -> Json:
        """A client's request with all that it names in it; `body` itself where it names nothing.

        TransformError for what is not known, or not any more.
        """
        if not isinstance(body, dict):
            return body
        if body.get("conversation") is not None:
            raise TransformError("conversation", "conversations are not kept here", NOT_FOUND)
        previous = optional(body.get("previous_response_id"), str, "previous_response_id")
        given = body.get("input")
        if previous is None and not any(map(_is_reference, _listed(given))):
            return body
        if not isinstance(given, str):
            optional(given, list, "input")
        earlier = [] if previous is None else self._history(previous, now)
        items = [self._resolved(i, f"input[{n}]", now) for n, i in enumerate(items_of(given))]
        kept = {key: body[key] for key in body if key != "previous_response_id"}
        return {**kept, "input": [*earlier, *items]}

    def has_named(self, body: Json, now: float, *, but_of: str | None = None) -> bool:
        """Whether something that `body` names is kept here, if not all of it; what `but_of` gave
        does not count."""
        if not isinstance(body, dict):
            return False
        return any(found[-1] != but_of for key in _names(body) if (found := self._holder(key, now)))

    def _holder(self, key: bytes, now: float) -> list[Json]:
        """The answer that `key` stands for or is an item of, what it answered, and by whom."""
        value = self._kept.get(key, now)
        found = None if value is None else loads(value)
        return self._holder(_response_key(found), now) if isinstance(found, str) else found or []

    # --- threads

    def record_message(self, message: Json, messages: Json, now: float, by: str = "") -> None:
        """As `record`, for an answer from which a thread of messages may go on."""
        self._kept.expire(now)
        if isinstance(message.get("id"), str):
            value = dumps([message, _listed(messages), by])
            self._kept.put([_message_key(message["id"])], value, now)

    def continued(self, body: Json, now: float) -> Json:
        """A Messages request with all of the thread it goes on with, and not in one any more;
        `body` itself where it is in none. TransformError as in `expand`."""
        thread = optional(body.get("thread"), dict, "thread") if isinstance(body, dict) else None
        if thread is None:
            return body
        kept = {key: body[key] for key in body if key != "thread"}
        kind = required(thread.get("type"), str, "thread.type")
        if one_of(kind, ("create", "continue"), "thread.type") == "create":
            return kept
        where = "thread.previous_message_id"
        previous = required(thread.get("previous_message_id"), str, where)
        found = self._holder(_message_key(previous), now)
        if not found:
            raise TransformError(where, f"no message with id '{previous}' is known", NO_THREAD)
        message, messages, _ = found
        given = required(body.get("messages"), list, "messages")
        answer = {"role": "assistant", "content": message["content"]}
        return {**kept, "messages": [*messages, answer, *given]}

    def _history(self, response_id: str, now: float) -> list[Json]:
        """What the model was told up to this answer, and the answer."""
        found = self._found(response_id, now)
        if found is None:
            problem = f"no response with id '{response_id}' is known"
            raise TransformError("previous_response_id", problem, NOT_FOUND)
        response, items = found
        return [*items, *_output(response)]

    def _resolved(self, item: Json, where: str, now: float) -> Json:
        if not _is_reference(item):
            return item
        item_id = required(item["id"], str, f"{where}.id")
        found = self._holder(_item_key(item_id), now)
        for known_id, known in _named(*found[:2]) if found else ():
            if known_id == item_id:
                return known
        raise TransformError(f"{where}.id", f"no item with id '{item_id}' is known", NOT_FOUND)

    # --- what is known

    def knows(self, response_id: str, now: float) -> bool:
        return self._kept.get(_response_key(response_id), now) is not None

    def response(self, response_id: str, now: float) -> Json | None:
        found = self._found(response_id, now)
        return None if found is None else found[0]

    def input_items(self, response_id: str, now: float, query: Mapping[str, str]) -> Json | None:
        """A page of what `response_id` was told; TransformError for a `query` that makes no sense.

        Items have ids here, the same in every list, by which requests may name them.
        """
        found = self._found(response_id, now)
        if found is None:
            return None
        page, has_more = _page(list(_shown(found[1])), query)
        return {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": has_more,
        }

    def giver(self, response_id: str, now: float) -> str:
        """Whose answer it is; "" for one that is not known."""
        found = self._holder(_response_key(response_id), now)
        return str(found[-1]) if found else ""

    def delete(self, response_id: str) -> bool:
        """Whether it was known."""
        return self._kept.discard(_response_key(response_id))

    def _found(self, response_id: str, now: float) -> tuple[dict[str, Any], list[Json]] | None:
        found = self._holder(_response_key(response_id), now)
        return (found[0], found[1]) if found else None


def items_of(input: Json) -> list[Json]:
    """`input` of a request as items; a string is what a user says."""
    if isinstance(input, str):
        return [{"type": "message", "role": "user", "content": input}]
    return _listed(input)


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _output(response: Mapping[str, Json]) -> list[Json]:
    return [item for item in _listed(response.get("output")) if isinstance(item, dict)]


def _is_reference(item: Json) -> bool:
    """References need not say what they are, as messages need not."""
    if not isinstance(item, dict):
        return False
    bare = item.get("type") is None and item.keys() <= {"id", "type"}
    return "id" in item and (bare or item.get("type") == "item_reference")


# --- items as the API shows them


def _named(response: Mapping[str, Json], items: list[Json]) -> Iterator[tuple[str, Json]]:
    """All items by which an answer may be asked for, as they were told and said."""
    for n, item in enumerate(items):
        if isinstance(item, dict):
            yield _id_of(item, n), item
    for item in _output(response):
        if isinstance(item.get("id"), str):
            yield item["id"], item


def _id_of(item: Mapping[str, Json], place: int) -> str:
    """Its own, or one that follows from what it says and where: the same in every later list."""
    if isinstance(item.get("id"), str):
        return str(item["id"])
    digest = sha256(dumps([place, item])).hexdigest()[:40]
    return PREFIXES.get(_type_of(item), "item_") + digest


def _type_of(item: Mapping[str, Json]) -> str:
    return str(item.get("type") or "message")


def _shown(items: list[Json]) -> Iterator[dict[str, Json]]:
    for n, item in enumerate(items):
        kind = _type_of(item)
        shown = {**item, "id": _id_of(item, n), "type": kind}
        if kind == "message":
            shown["content"] = content_parts(item)
        if kind == "message" or kind.endswith(("_call", "_output")):
            shown["status"] = item.get("status") or "completed"
        yield shown


def content_parts(message: Mapping[str, Json]) -> Json:
    """The content of a message as parts, also where it is a string."""
    content = message.get("content")
    if not isinstance(content, str):
        return content
    if message.get("role") == "assistant":
        return [{"type": "output_text", "text": content, "annotations": []}]
    return [{"type": "input_text", "text": content}]


def _page(items: list[Json], query: Mapping[str, str]) -> tuple[list[Json], bool]:
    """What `query` asks for, and whether there is more behind it."""
    order = one_of(query.get("order", "desc"), ("asc", "desc"), "order")
    limit = _limit(query.get("limit"))
    if order == "desc":
        items = items[::-1]
    if after := query.get("after"):
        ids = [item["id"] for item in items]
        if after not in ids:
            raise TransformError("after", f"no item with id '{after}' is in this list")
        items = items[ids.index(after) + 1 :]
    return items[:limit], len(items) > limit


def _limit(given: str | None) -> int:
    if given is None:
        return USUAL_LIMIT
    if not re.fullmatch(r"[0-9]{1,3}", given) or not 1 <= int(given) <= MAX_LIMIT:
        raise TransformError("limit", f"must be a number from 1 to {MAX_LIMIT}")
    return int(given)


def _response_key(response_id: str) -> bytes:
    return b"response\0" + response_id.encode("utf-8", "surrogatepass")


def _names(body: Mapping[str, Json]) -> Iterator[bytes]:
    """What a request names, by its keys."""
    for item in _listed(body.get("input")):
        if _is_reference(item) and isinstance(item["id"], str):
            yield _item_key(item["id"])
    if isinstance(body.get("previous_response_id"), str):
        yield _response_key(body["previous_response_id"])
    thread = body.get("thread")
    if isinstance(thread, dict) and isinstance(thread.get("previous_message_id"), str):
        yield _message_key(thread["previous_message_id"])


def _message_key(message_id: str) -> bytes:
    return b"message\0" + message_id.encode("utf-8", "surrogatepass")


def _item_key(item_id: str) -> bytes:
    return b"item\0" + item_id.encode("utf-8", "surrogatepass")


NOTHING = Store(Bounds(0, 0.0))  # that everything is unknown to
