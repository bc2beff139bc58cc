"""An event stream as the whole answer it tells, in its protocol's own words.

In: the text of a stream, also one that was cut. Out: the object that the same answer would be if it
had not been streamed, so that a field which only this server sends is still there. Hard part: each
protocol grows its answer in another way, and whatever has come may be all there is.
"""

from collections.abc import Iterator

from ..transform.fields import object_of, objects_of
from ..transform.json_text import Json, loads
from ..transform.sse import SseParser

type Payloads = list[dict[str, Json]]


def whole(text: str) -> dict[str, Json] | None:
    """None where there is no event with JSON in it."""
    events = list(_payloads(text))
    if not events:
        return None
    for tell, join in JOINS:
        if any(tell(event) for event in events):
            return join(events)
    return {key: value for event in events for key, value in event.items()}


def _payloads(text: str) -> Iterator[dict[str, Json]]:
    parser = SseParser()
    for event in [*parser.feed(text.encode("utf-8", "replace")), *parser.end()]:
        if event.data and event.data.rstrip().endswith("}"):  # [DONE] is none, nor what was cut
            try:
                yield loads(event.data)
            except ValueError:
                pass


class _Texts:
    """Texts that grow, joined once, so that the cost stays linear."""

    def __init__(self) -> None:
        self._slots: dict[tuple[int, str], tuple[dict[str, Json], list[str]]] = {}

    def grow(self, owner: dict[str, Json], key: str, more: Json) -> None:
        """`more` behind the text `owner[key]`; what is no text takes its place."""
        if not isinstance(more, str):
            owner[key] = more
            return
        if not more:
            owner.setdefault(key, more)
            return
        slot = self._slots.get((id(owner), key))
        if slot is None:
            begun = owner.get(key)
            slot = owner, [begun] if isinstance(begun, str) else []
            self._slots[id(owner), key] = slot
        slot[1].append(more)

    def settle(self) -> None:
        for (_, key), (owner, pieces) in self._slots.items():
            owner[key] = "".join(pieces)


def _inner(owner: dict[str, Json], key: str) -> dict[str, Json]:
    """The object `owner[key]`, which may be new."""
    owner[key] = found = object_of(owner.get(key))
    return found


def _list(owner: dict[str, Json], key: str) -> list[Json]:
    """The list `owner[key]`, which may be new."""
    given = owner.get(key)
    owner[key] = found = given if isinstance(given, list) else []
    return found


def _entry(entries: list[Json], n: Json) -> dict[str, Json]:
    """The object number `n`, or a new one behind the last."""
    if isinstance(n, int) and 0 <= n < len(entries) and isinstance(entries[n], dict):
        found: dict[str, Json] = entries[n]
        return found
    entries.append({})
    return object_of(entries[-1])


def _index(event: dict[str, Json], key: str) -> int:
    n = event.get(key)
    return n if isinstance(n, int) else 0


# --- Messages

# type of a delta -> where its text stands, and the field of the block that it goes on
BLOCK_TEXTS = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("partial_json", "input"),
}
MESSAGES = ("message_start", "content_block_start", "content_block_delta", "message_delta")


def _join_messages(events: Payloads) -> dict[str, Json]:
    answer: dict[str, Json] = {}
    blocks: dict[int, dict[str, Json]] = {}
    texts = _Texts()
    for event in events:
        match event.get("type"):
            case "message_start":
                answer |= object_of(event.get("message"))
            case "content_block_start":
                blocks[_index(event, "index")] = object_of(event.get("content_block"))
            case "content_block_delta":
                block = blocks.setdefault(_index(event, "index"), {})
                _grow_block(block, object_of(event.get("delta")), texts)
            case "message_delta" | "error":
                _end_message(answer, event)
            case _:
                pass
    texts.settle()
    for block in blocks.values():
        block |= _read_input(block)
    _list(answer, "content").extend(blocks[n] for n in sorted(blocks))
    return answer


def _grow_block(block: dict[str, Json], delta: dict[str, Json], texts: _Texts) -> None:
    kind = delta.pop("type", None)
    if known := BLOCK_TEXTS.get(str(kind)):
        texts.grow(block, known[1], delta.get(known[0], ""))
    elif kind == "citations_delta":
        _list(block, "citations").append(delta.get("citation"))
    else:  # a signature, a summary: whole
        block |= delta


def _end_message(answer: dict[str, Json], event: dict[str, Json]) -> None:
    for key, value in event.items():
        if key == "delta":
            answer |= object_of(value)
        elif key == "usage":  # counts of a delta take the place of those at the start
            answer[key] = object_of(answer.get(key)) | object_of(value)
        elif key != "type":
            answer[key] = value


def _read_input(block: dict[str, Json]) -> dict[str, Json]:
    given = block.get("input")
    if not isinstance(given, str):
        return {}
    try:
        return {"input": loads(given) if given.strip() else {}}
    except ValueError:  # cut
        return {}


# --- Chat Completions

FIRST = (
    "id",
    "created",
    "model",
)  # some servers change them on the way; of all else the last holds
PART_KEYS = ("text", "summary")
MAX_DEPTH = 3  # of parts in parts


def _join_chat(events: Payloads) -> dict[str, Json]:
    answer: dict[str, Json] = {}
    choices: dict[int, dict[str, Json]] = {}
    texts = _Texts()
    for event in events:
        for key, value in event.items():
            if key != "choices":
                if value and not (key in FIRST and answer.get(key)):
                    answer[key] = value
                continue
            for given in objects_of(value):
                n = _index(given, "index")
                _grow_choice(choices.setdefault(n, {"index": n, "message": {}}), given, texts)
    texts.settle()
    answer["choices"] = [choices[n] for n in sorted(choices)]
    return answer


def _grow_choice(choice: dict[str, Json], given: dict[str, Json], texts: _Texts) -> None:
    delta = given.pop("delta", None) or given.pop("message", None)
    _grow_message(choice["message"], object_of(delta), texts)
    given.pop("message", None)  # some servers repeat all of it in each chunk
    for key, value in given.items():
        if key == "logprobs" and isinstance(value, dict):
            for kind, more in value.items():
                _list(_inner(choice, key), kind).extend(more if isinstance(more, list) else [])
        elif value is not None or key not in choice:
            choice[key] = value


def _grow_message(message: dict[str, Json], delta: dict[str, Json], texts: _Texts) -> None:
    for key, value in delta.items():
        if value is None:
            message.setdefault(key, None)
        elif key == "tool_calls" and isinstance(value, list):
            for call in objects_of(value):
                _grow_call(_call(_list(message, key), call), call, texts)
        elif key == "function_call":
            _grow_call(_inner(message, key), object_of(value), texts)
        elif key == "role":
            message[key] = value
        elif isinstance(value, list) or isinstance(message.get(key), list):
            parts = value if isinstance(value, list) else [{"type": "text", "text": value}]
            _add_parts(_list(message, key), parts, texts)
        else:
            texts.grow(message, key, value)


def _add_parts(parts: list[Json], more: list[Json], texts: _Texts, depth: int = 0) -> None:
    """Mistral and OpenRouter stream lists: a part like the last one goes on with its text."""
    for part in more:
        last = object_of(parts[-1]) if parts else {}
        if not last or not isinstance(part, dict) or _likeness(part) != _likeness(last):
            parts.append(part)
            continue
        for key, value in part.items():
            if isinstance(value, list) and depth < MAX_DEPTH:
                _add_parts(_list(last, key), value, texts, depth + 1)
            elif key in PART_KEYS:
                texts.grow(last, key, value)
            elif value is not None:
                last[key] = value


def _likeness(part: dict[str, Json]) -> tuple[Json, Json]:
    return part.get("type"), part.get("index")


def _call(calls: list[Json], given: dict[str, Json]) -> dict[str, Json]:
    """The call that a piece belongs to: the last with its index, and its id where it has one."""
    n, name = given.get("index"), given.get("id")
    for call in reversed(calls):
        if call.get("index") == n and name in (call.get("id"), None, ""):
            return object_of(call)
    calls.append({})
    return object_of(calls[-1])


def _grow_call(call: dict[str, Json], given: dict[str, Json], texts: _Texts) -> None:
    """A call of today holds an object with its name and arguments, one of old is that object."""
    inner = {key: given[key] for key in ("function", "custom") if isinstance(given.get(key), dict)}
    for key, fields in inner.items():
        _grow_fields(_inner(call, key), fields, texts)
    _grow_fields(call, {key: given[key] for key in given if key not in inner}, texts)


def _grow_fields(owner: dict[str, Json], given: dict[str, Json], texts: _Texts) -> None:
    for key, value in given.items():
        if key in ("arguments", "input"):
            texts.grow(owner, key, value)
        elif value or key not in owner:
            owner[key] = value


# --- Responses

# event -> the list of the item that holds the part, its number in the event, and the part's field
PART_TEXTS = {
    "response.output_text.delta": ("content", "content_index", "text"),
    "response.refusal.delta": ("content", "content_index", "refusal"),
    "response.reasoning_text.delta": ("content", "content_index", "text"),
    "response.reasoning_summary_text.delta": ("summary", "summary_index", "text"),
}
ITEM_TEXTS = {
    "response.function_call_arguments.delta": "arguments",
    "response.mcp_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
    "response.code_interpreter_call_code.delta": "code",
}


def _join_responses(events: Payloads) -> dict[str, Json]:
    answer: dict[str, Json] = {}
    items: dict[int, dict[str, Json]] = {}
    texts = _Texts()
    for event in events:
        answer |= object_of(event.get("response"))
        if "item" in event:  # once it is done, all of it
            items[_index(event, "output_index")] = object_of(event["item"])
        elif event.get("type") == "error" or event.get("error"):
            answer["error"] = event.get("error") or {k: v for k, v in event.items() if k != "type"}
        else:
            _grow_item(items, event, texts)
    texts.settle()
    if not answer.get("output"):
        answer["output"] = [items[n] for n in sorted(items)]
    return answer


def _grow_item(items: dict[int, dict[str, Json]], event: dict[str, Json], texts: _Texts) -> None:
    kind = str(event.get("type"))
    if kind in PART_TEXTS:
        where, number, key = PART_TEXTS[kind]
        item = items.setdefault(_index(event, "output_index"), {})
        part = _entry(_list(item, where), event.get(number, 0))
        texts.grow(part, key, event.get("delta", ""))
    elif kind in ITEM_TEXTS:
        item = items.setdefault(_index(event, "output_index"), {})
        texts.grow(item, ITEM_TEXTS[kind], event.get("delta", ""))


def _is_messages(event: dict[str, Json]) -> bool:
    return event.get("type") in MESSAGES


def _is_chat(event: dict[str, Json]) -> bool:
    return isinstance(event.get("choices"), list)


def _is_responses(event: dict[str, Json]) -> bool:
    return str(event.get("type")).startswith("response.")


JOINS = (
    (_is_messages, _join_messages),
    (_is_chat, _join_chat),
    (_is_responses, _join_responses),
)
