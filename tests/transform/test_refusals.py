"""What a target has no words for is refused, with its reason, in the client's dialect."""

from typing import Any

import pytest

from bridge.transform import TransformError, Translator, encode_refusal
from bridge.transform.json_text import dumps
from bridge.transform.model import Protocol
from bridge.transform.notes import ERRORS
from tests.transform.sdks import raised
from tests.transform.strategies import Body

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"


def messages(*blocks: Body, **fields: Any) -> Body:
    content = [{"role": "user", "content": list(blocks) or "hi"}]
    return {"model": "m", "max_tokens": 9, "messages": content, **fields}


def chat(*parts: Body, **fields: Any) -> Body:
    return {"model": "m", "messages": [{"role": "user", "content": list(parts) or "hi"}], **fields}


def source(**fields: Any) -> Body:
    return {"source": fields}


def image_url(url: str) -> Body:
    return {"type": "image_url", "image_url": {"url": url}}


def file(**fields: str) -> Body:
    return {"type": "file", "file": fields}


def offered(protocol: Protocol, *names: str) -> list[Body]:
    if protocol == C:
        return [{"type": "function", "function": {"name": name}} for name in names]
    return [{"name": name, "input_schema": {"type": "object"}} for name in names]


def responses(**fields: Any) -> Body:
    return {"model": "m", "input": "hi", **fields}


SEARCH = {"type": "web_search_20250305", "name": "web_search"}
FILES = {"type": "file_search", "vector_store_ids": ["vs_1"]}
SOUND = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
VOICE = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
LOOP = {"type": "object", "properties": {"next": {"$ref": "#"}}}
TWINS = ("a b", "a_b_c8687a08")  # the second is what becomes of the first

ROWS = [
    pytest.param("audio_unsupported", C, A, chat(SOUND), id="a recording"),
    pytest.param("audio_unsupported", C, A, chat(**VOICE), id="a spoken answer"),
    pytest.param(
        "document_url_unsupported",
        A,
        C,
        messages({"type": "document", **source(type="url", url="https://a/b.pdf")}),
        id="a document by its address",
    ),
    pytest.param(
        "file_type_unsupported",
        C,
        A,
        chat(file(filename="a.zip", file_data="data:application/zip;base64,UEs=")),
        id="an archive",
    ),
    pytest.param(
        "foreign_file_id",
        A,
        C,
        messages({"type": "image", **source(type="file", file_id="file_1")}),
        id="an image that Anthropic keeps",
    ),
    pytest.param(
        "foreign_file_id",
        A,
        C,
        messages({"type": "container_upload", "file_id": "file_1"}),
        id="a file for Anthropic's sandbox",
    ),
    pytest.param(
        "foreign_file_id", C, A, chat(file(file_id="file-1")), id="a file that OpenAI keeps"
    ),
    pytest.param(
        "hosted_tool_unsupported",
        A,
        C,
        messages(tools=[SEARCH], tool_choice={"type": "tool", "name": "web_search"}),
        id="a call of a vendor's tool, demanded",
    ),
    pytest.param(
        "image_type_unsupported",
        C,
        A,
        chat(image_url("data:image/bmp;base64,Qk0=")),
        id="an image of another kind",
    ),
    pytest.param("n_unsupported", C, A, chat(n=2), id="two answers"),
    pytest.param(
        "part_unsupported", A, C, messages({"type": "hologram"}), id="a block nobody knows"
    ),
    pytest.param(
        "part_unsupported",
        C,
        A,
        chat({"type": "video_url", "video_url": {"url": "https://a/b.mp4"}}),
        id="a film",
    ),
    pytest.param("prewarm_unsupported", A, C, messages(max_tokens=0), id="no answer at all"),
    pytest.param(
        "recursive_schema",
        C,
        A,
        chat(response_format={"type": "json_schema", "json_schema": {"schema": LOOP}}),
        id="a schema that contains itself",
    ),
    pytest.param(
        "tool_name_collision",
        A,
        C,
        messages(tools=offered(A, *TWINS)),
        id="two names that become one, towards Chat",
    ),
    pytest.param(
        "tool_name_collision",
        C,
        A,
        chat(tools=offered(C, *TWINS)),
        id="two names that become one, towards Messages",
    ),
    pytest.param("audio_unsupported", C, R, chat(SOUND), id="a recording, towards Responses"),
    pytest.param("background_unsupported", R, A, responses(background=True), id="an answer later"),
    pytest.param(
        "previous_response_not_found",
        R,
        C,
        responses(previous_response_id="resp_1"),
        id="an earlier answer that nobody here has kept",
    ),
    pytest.param(
        "prompt_template_unsupported",
        R,
        A,
        {"model": "m", "prompt": {"id": "pmpt_1"}},
        id="a prompt that OpenAI keeps",
    ),
    pytest.param(
        "hosted_tool_unsupported",
        R,
        C,
        responses(tools=[FILES], tool_choice={"type": "file_search"}),
        id="a search in OpenAI's files, demanded",
    ),
]


@pytest.mark.parametrize("code, client, upstream, body", ROWS)
def test_what_cannot_be_said_is_refused_in_the_clients_dialect(
    code: str, client: Protocol, upstream: Protocol, body: Body
) -> None:
    with pytest.raises(TransformError) as refused:
        Translator(client, upstream).request(dumps(body))
    assert refused.value.code == code
    status, answer = encode_refusal(client, refused.value)
    error = raised(client, status, answer)
    assert type(error).__name__ == "BadRequestError" and error.status_code == 400
    assert f"bridge: {code}: " in str(error)
    if client != A:  # it has no slots for these
        assert (error.code, error.param) == (code, refused.value.where)


def test_every_refusal_has_a_row() -> None:
    assert {row.values[0] for row in ROWS} == ERRORS
