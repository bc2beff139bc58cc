"""Recorded traffic of real apps and providers: all of it is shown, and the same whoever reads it.

The law: what is translated without a note looks the same before and after. Where protocols differ
in what they can say at all, the reason stands beside the exception.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.transform import PROTOCOLS, TransformError, Translator
from bridge.transform.json_text import dumps
from bridge.transform.model import Protocol
from bridge.transform.reading import Read, read_answer, read_request
from bridge.views.blocks import Block
from bridge.views.layout import laid_out, text_of
from bridge.views.transcript import Transcript, of_answer, of_request
from tests.transform.recorded import KINDS, error_records, records, requests
from tests.transform.strategies import REQUESTS
from tests.transform.test_corpus import ALL, MODELS, SOME, error_bytes, recorded_bytes

PAIRS = [pytest.param(*pair, id=" to ".join(pair)) for pair in permutations(PROTOCOLS, 2)]


def request_of(protocol: Protocol, body: bytes) -> Transcript:
    faults: list[str] = []
    return of_request(read_request(protocol, body, faults), faults)


def shown(transcript: Transcript) -> str:
    json.dumps(transcript.as_dict())
    return text_of(laid_out(transcript))


# --- all of it is shown


@pytest.mark.parametrize("step", [ALL, SOME])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_request_is_shown(protocol: Protocol, step: int) -> None:
    for name, body in requests(protocol)[::step]:
        transcript = request_of(protocol, dumps(body))
        assert transcript.faults == (), name
        said = [block.text for turn in transcript.turns for block in turn.blocks]
        text = shown(transcript)
        assert all(line.strip() in text for part in said for line in part.split("\n", 3)[:3]), name


@pytest.mark.parametrize("step", [ALL, SOME])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_answer_is_shown(protocol: Protocol, kind: str, step: int) -> None:
    for record in records(protocol, kind)[::step]:
        transcript = of_answer(read_answer(protocol, recorded_bytes(record)))
        assert transcript.turns or transcript.stop or transcript.error, record["id"]
        assert shown(transcript), record["id"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_error_is_shown(protocol: Protocol) -> None:
    for record in error_records(protocol):
        body = error_bytes(record)
        for status in (200, record["status"] or 500):
            transcript = of_answer(read_answer(protocol, body, status))
            assert "error" in shown(transcript) or not body.strip(), record["id"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(data=st.data())
def test_what_was_cut_anywhere_is_shown(protocol: Protocol, data: st.DataObject) -> None:
    _, body = data.draw(st.sampled_from(requests(protocol)))
    asked = dumps(body)
    transcript = request_of(protocol, asked[: data.draw(st.integers(0, len(asked) - 1))])
    assert transcript.faults and shown(transcript)
    kind = data.draw(st.sampled_from(KINDS))
    came = recorded_bytes(data.draw(st.sampled_from(records(protocol, kind))))
    cut = came[: data.draw(st.integers(0, len(came)))]
    assert shown(of_answer(read_answer(protocol, cut)))


# --- requests look the same

OTHER_WORDS = {
    "model": "the route may name another",
    "max tokens": "Messages has to have a limit",
    "effort": "a number of tokens for some models of Messages",
    "thinking": "its form is the vendor's",
    "cache": "OpenAI's models cache the beginning of every prompt",
    "mcp_servers": "tools, for Responses",
    "context_management": "of another form in Responses",
    "top_logprobs": "0 is none",
}
EMPTY = "(empty)"  # what a user says who says nothing: Messages wants something


def told(transcript: Transcript) -> Any:
    settings = [setting for setting in transcript.settings if setting.word not in OTHER_WORDS]
    # each vendor has its own built-in tools, or a function in the place of one
    functions = None if any("[" in line for line in transcript.tools) else transcript.tools
    return sorted(settings), functions, list(spoken(transcript))


def spoken(transcript: Transcript) -> Iterable[Any]:
    """What each says until another does; between two turns of one side may be an empty one."""
    blocks = [
        (turn.role, turn.name, block)
        for turn in transcript.turns
        for block in turn.blocks
        if block.text != EMPTY
    ]
    for (role, name), told in groupby(blocks, lambda spoken: spoken[:2]):
        yield role, name, [block for *_, block in told]


def assert_same_request(client: Protocol, upstream: Protocol, body: Any, model: str | None) -> bool:
    """Whether there was something to compare."""
    asked = dumps(body)
    translator = Translator(client, upstream, model=model)
    try:
        sent = translator.request(asked)
    except TransformError:
        return False
    before, after = request_of(client, asked), request_of(upstream, sent)
    if translator.notes or has_text_document(before):
        return False
    settings, functions, conversation = told(before)
    other_settings, other_functions, other_conversation = told(after)
    assert conversation == other_conversation
    assert settings == other_settings
    assert functions == other_functions or None in (functions, other_functions)
    return True


def has_text_document(transcript: Transcript) -> bool:
    """OpenAI's protocols have no such: it is told as text."""
    blocks = (block for turn in transcript.turns for block in turn.blocks)
    return any(block.kind == "document" and "text/" in block.detail for block in blocks)


@pytest.mark.parametrize("step", [ALL, SOME])
@pytest.mark.parametrize("client, upstream", PAIRS)
def test_a_request_translated_without_a_note_looks_the_same(
    client: Protocol, upstream: Protocol, step: int
) -> None:
    compared = [
        assert_same_request(client, upstream, body, model)
        for _, body in requests(client)[::step]
        for model in (None, *MODELS[upstream])
    ]
    assert sum(compared) > len(compared) / 5


@pytest.mark.parametrize("client, upstream", PAIRS)
@settings(max_examples=settings().max_examples // 2)
@given(data=st.data())
def test_so_does_any_other_request(
    client: Protocol, upstream: Protocol, data: st.DataObject
) -> None:
    body = data.draw(REQUESTS[client]())
    assert isinstance(assert_same_request(client, upstream, body, MODELS[upstream][0]), bool)


# --- answers look the same

ASKED: dict[Protocol, dict[str, Any]] = {
    "anthropic_messages": {"max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]},
    "openai_chat": {
        "messages": [{"role": "user", "content": "hi"}],
        "stream_options": {"include_usage": True},
    },
    # without a summary, clients of Responses are not told what was thought
    "openai_responses": {"input": "hi", "reasoning": {"summary": "auto"}},
}
STOPS = {
    "stop_sequence": "stop",  # OpenAI has no word for it
    "content_filter": "refusal",  # nor has Anthropic for this
}


def told_answer(transcript: Transcript) -> Any:
    """By kinds: Chat does not say how reasoning, texts and calls followed each other.

    What only a vendor can read, or has tools for, goes to no one else. A refusal is text in
    Messages, and its reason is text elsewhere.
    """
    blocks = [block for turn in transcript.turns for block in turn.blocks]
    thought = "".join(block.text for block in blocks if block.kind == "reasoning")
    said = "".join(block.text for block in blocks if block.kind in ("text", "refusal"))
    cited = [block.detail.removeprefix("cites ") for block in blocks if block.kind == "text"]
    stop = transcript.stop.partition(":")[0]
    return {
        "thought": thought,
        "said": "" if stop in ("refusal", "content_filter") else said,
        "sources": {source for sources in cited for source in sources.split(", ")} - {""},
        "calls": [plain(block) for block in blocks if block.kind == "call"],
        "usage": transcript.usage,
        "stop": STOPS.get(stop, stop),
        # clients of Messages know by it that a context is full
        "error": transcript.error.replace("prompt is too long: ", ""),
    }


def plain(call: Block) -> Block:
    """There are no namespaces and no custom tools in Messages."""
    return replace(call, title=call.title.rpartition("__")[2], detail="")


@pytest.mark.parametrize("step", [ALL, SOME])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client, upstream", PAIRS)
def test_an_answer_translated_without_a_note_looks_the_same(
    client: Protocol, upstream: Protocol, kind: str, step: int
) -> None:
    compared = 0
    found = records(upstream, kind)[::step]
    for record in found:
        translator = Translator(client, upstream, model="m", now=1_800_000_000)
        translator.request(dumps({"model": "the client's", **ASKED[client]}))
        came = recorded_bytes(record)
        before = read_answer(upstream, came)
        given = answered(translator, came, kind)
        if translator.notes or ran_a_tool(before):
            continue
        compared += 1
        after = read_answer(client, given, translator.status if kind == "json" else 200)
        assert told_answer(of_answer(after)) == told_answer(of_answer(before)), record["id"]
    assert compared > len(found) * 3 / 4


def answered(translator: Translator, came: bytes, kind: str) -> bytes:
    if kind == "json":
        return translator.response(came)
    return b"".join([*translator.stream(came), *translator.stream(b"")])


def ran_a_tool(read: Read) -> bool:
    """One of its own that called the app's: such a call is no reason to stop, but elsewhere."""
    parts = read.response.parts if read.response else ()
    return any(getattr(part, "native", None) and hasattr(part, "arguments") for part in parts)
