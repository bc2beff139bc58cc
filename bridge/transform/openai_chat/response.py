"""Whole answers: a body to the events its stream would give, and an answer to a body.

In both directions a whole answer is its own stream, so that the two cannot differ.
"""

from collections.abc import Iterator

from ..answers import Event, Failure, Response
from ..context import Context
from ..errors import decode_error, error_inside
from ..fields import text_of
from ..fold import unfold
from ..json_text import Json, loads
from .decoder import EMPTY, Decoder
from .encoder import Encoder
from .reasoning import keep_spelling
from .usage import encode_usage

__all__ = ["decode_response", "encode_response"]

# --- decoding


def decode_response(body: Json, ctx: Context) -> list[Event]:
    if failed := error_inside(body):
        return [Failure(decode_error(200, failed))]
    choices = body.get("choices") if isinstance(body, dict) else None
    choices = choices if isinstance(choices, list) else []
    choice = _first(choices)
    if choice is None:
        return [Failure(decode_error(200, body) if body else EMPTY)]
    if len(choices) > 1:
        ctx.notes.add("choices_dropped", "n", "the first of several answers is given")
    decoder = Decoder(ctx)
    chunk = {**body, "choices": [_as_delta(choice)]}
    return [*decoder.chunk(chunk), *decoder.done(whole=True)]


def _first(choices: list[Json]) -> dict[str, Json] | None:
    """The choice with index 0; without one the first."""
    objects = [choice for choice in choices if isinstance(choice, dict)]
    first = next((choice for choice in objects if choice.get("index") == 0), None)
    return first or next(iter(objects), None)


def _as_delta(choice: dict[str, Json]) -> dict[str, Json]:
    """`choice` as the one chunk of a stream; each call is one of its own, whatever its index."""
    message = choice.get("message")
    message = message if isinstance(message, dict) else choice.get("delta")
    text = text_of(choice.get("text"))  # of older endpoints
    delta: dict[str, Json] = dict(message) if isinstance(message, dict) else {"content": text}
    calls = delta.get("tool_calls")
    if isinstance(calls, list):
        whole = [call for call in calls if isinstance(call, dict)]
        delta["tool_calls"] = [{**call, "index": n} for n, call in enumerate(whole)]
    return {**choice, "index": 0, "delta": delta}


# --- encoding


def encode_response(response: Response, ctx: Context) -> Json:
    encoder = Encoder(ctx)
    stream = b"".join(map(encoder.encode, unfold(response)))
    message: dict[str, Json] = {"role": None, "content": None, "refusal": None}
    body: dict[str, Json] = {}
    choice: dict[str, Json] = {}
    logprobs: list[Json] = []
    for chunk in _chunks(stream):
        body = body or {key: chunk[key] for key in chunk if key not in ("choices", "usage")}
        for choice in chunk["choices"]:
            _accumulate(message, choice["delta"])
            logprobs += (choice["logprobs"] or {}).get("content", ())
    for call in message.get("tool_calls", ()):
        del call["index"]
    keep_spelling(message, response.parts)
    choice = {
        "index": 0,
        "message": {**message, "role": "assistant"},
        "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
        "finish_reason": choice["finish_reason"],
    }
    body |= {"object": "chat.completion", "choices": [choice]}
    beside = {
        "usage": response.usage and encode_usage(response.usage),
        "moderation": response.moderation,
    }
    return {**body, **{key: value for key, value in beside.items() if value is not None}}


def _chunks(stream: bytes) -> Iterator[dict[str, Json]]:
    for event in stream.split(b"\n\n"):
        if event.startswith(b"data: {"):
            yield loads(event.removeprefix(b"data: "))


def _accumulate(known: dict[str, Json], delta: dict[str, Json]) -> None:
    """Join a delta as clients do: strings grow, entries of lists meet by their index."""
    for key, value in delta.items():
        match known.get(key):
            case str(text) if key != "type":
                known[key] = text + value
            case dict(inner):
                _accumulate(inner, value)
            case list(entries):
                for entry in value:
                    if entry["index"] < len(entries):
                        _accumulate(entries[entry["index"]], entry)
                    else:
                        entries.append(entry)
            case _:
                known[key] = value
