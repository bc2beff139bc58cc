"""Records of calls as the bridge leaves them, made of recorded traffic translated to all protocols.

Modules that import this one are skipped where the recordings are not at hand.
"""

from collections.abc import Iterator
from typing import Any

from bridge.trace import Bodies, Timeline
from bridge.transform import CODES, PROTOCOLS, Protocol, TransformError, Translator
from bridge.transform.json_text import dumps
from tests.transform.recorded import KINDS, pieces, records

MODELS: dict[Protocol, str] = {
    "anthropic_messages": "claude-sonnet-4-5",
    "openai_chat": "gpt-5.6",
    "openai_responses": "gpt-5.6",
}
ASKED: dict[Protocol, dict[str, Any]] = {
    "anthropic_messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "openai_chat": {"messages": [{"role": "user", "content": "hi"}]},
    "openai_responses": {"input": "hi"},
}
PIECE = 300  # bytes of a stream that come at once


def exchanges(protocol: Protocol, step: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of every `step`th recording, the request sent elsewhere, and the answer told to all."""
    for recording in [entry for kind in KINDS for entry in records(protocol, kind)][::step]:
        name, body = recording["id"], recording["request"]["body"]
        for other in PROTOCOLS:
            if body is not None and other != protocol:
                try:
                    yield f"{name} asked of {other}", call(protocol, other, body)
                except TransformError:
                    pass
            asked = {"model": "m", "stream": recording["streaming"], **ASKED[other]}
            yield f"{name} told to {other}", call(other, protocol, asked, recording)


def call(
    client: Protocol, upstream: Protocol, body: dict[str, Any], recording: Any = None
) -> dict[str, Any]:
    translator = Translator(client, upstream, model=MODELS[upstream], now=1.8e9)
    bodies, timeline = Bodies(), Timeline()
    bodies.client_request.add(dumps(body))
    bodies.upstream_request.add(translator.request(dumps(body)))
    if recording is not None and recording["streaming"]:
        _stream(translator, recording["response"]["sse"].encode(), bodies, timeline)
    elif recording is not None:
        answer = dumps(recording["response"]["body"])
        bodies.upstream_response.add(answer)
        bodies.client_response.add(translator.response(answer))
    return {
        "client": client,
        "upstream": upstream,
        "attempts": [{"upstream": "up", "started": 0.0, "outcome": "ok", "status": 200}],
        "notes": [{**n._asdict(), "severity": CODES[n.code]} for n in translator.notes],
        "timeline": timeline.moments(),
        "bodies": bodies.texts(),
    }


def _stream(translator: Translator, data: bytes, bodies: Bodies, timeline: Timeline) -> None:
    """As it goes out: nothing before there is something to act on."""
    held: list[bytes] = []
    for n, piece in enumerate([*pieces(data, PIECE), b""]):
        held += translator.stream(piece)
        bodies.upstream_response.add(piece)
        if translator.phase != "waiting" or not piece:
            for out in held:
                bodies.client_response.add(out)
            held = []
        timeline.add(n / 10, bodies.upstream_response.size, bodies.client_response.size)
