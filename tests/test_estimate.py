"""What counts towards an estimate, and how much."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.estimate import (
    BUILT_IN_TOOL,
    FILE,
    FORMAT,
    IMAGE,
    MAX_PAGES,
    MESSAGE,
    PAGE,
    REQUEST,
    TOOL,
    TOOLS,
    estimate_tokens,
)
from bridge.transform import Protocol

A: Protocol = "anthropic_messages"
C: Protocol = "openai_chat"
R: Protocol = "openai_responses"
PROTOCOLS = (A, C, R)
CONVERSATION = {A: "messages", C: "messages", R: "input"}


def saying(protocol: Protocol, content: Any, **fields: Any) -> int:
    said = [{"role": "user", "content": content}]
    return estimate_tokens(protocol, {"model": "m", CONVERSATION[protocol]: said, **fields})


def costs(content: Any, protocol: Protocol = A, **fields: Any) -> int:
    """The tokens of `content` alone."""
    return saying(protocol, content, **fields) - saying(protocol, "")


# A text, and the most tokens that one of four tokenizers makes of it: OpenAI's two latest, an early
# one of Anthropic's; a model's own may make fewer.
TEXTS = {
    "prose": (
        "The addon recognises LLM API calls, translates them to the protocol of the upstream that "
        "the router chose, redirects them there, and translates the answer back while it streams.",
        34,
    ),
    "simplified Chinese": (
        "人工智能是计算机科学的一个分支，它企图了解智能的实质，并生产出一种新的能以人类智能相似的方式做出反应的智能机器。"
        "该领域的研究包括机器人、语言识别、图像识别、自然语言处理和专家系统等。",
        102,
    ),
    "traditional Chinese": (
        "臺灣的夜市以各式各樣的小吃聞名，遊客可以品嚐到臭豆腐、蚵仔煎、珍珠奶茶等美食，體驗當地獨特的飲食文化與熱鬧氛圍。",
        96,
    ),
    "Japanese": (
        "人工知能は、人間の知的能力をコンピュータ上で実現する様々な技術・ソフトウェア・コンピュータシステムのことである。"
        "応用例としては、自然言語処理、画像認識、音声認識などがあります。",
        98,
    ),
    "Korean": (
        "인공지능은 인간의 학습능력, 추론능력, 지각능력을 인공적으로 "
        "구현하려는 컴퓨터 과학의 세부분야 중 하나이다. "
        "정보공학 분야에 있어 하나의 인프라 기술이기도 하다.",
        96,
    ),
    "Arabic": (
        "الذكاء الاصطناعي هو سلوك وخصائص معينة تتسم بها البرامج الحاسوبية، "
        "تجعلها تحاكي القدرات الذهنية "
        "البشرية وأنماط عملها.",
        105,
    ),
    "Russian": (
        "Искусственный интеллект — свойство искусственных интеллектуальных систем "
        "выполнять творческие "
        "функции, которые традиционно считаются прерогативой человека.",
        77,
    ),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("text, tokens", TEXTS.values(), ids=TEXTS)
def test_text_of_any_alphabet_is_not_undercounted(
    protocol: Protocol, text: str, tokens: int
) -> None:
    assert tokens <= costs(text, protocol) <= 3 * tokens


# Bytes for a token, as the same tokenizers have it; prose has four to five.
DENSE = {
    "numbers": (", ".join(str(n * 7919 % 100_003 / 100) for n in range(200)), 1.5),
    "hexadecimal": ("".join(f"{n * 7919 % 65_536:04x}" for n in range(300)), 1.75),
    "identifiers": ("\n".join(f"getItemAt{n}(x[{n}].ID);" for n in range(100)), 2.2),
}


@pytest.mark.parametrize("text, rate", DENSE.values(), ids=DENSE)
def test_dense_text_is_not_undercounted(text: str, rate: float) -> None:
    assert costs(text) >= len(text) / rate


@given(text=st.text(), more=st.text(min_size=1))
def test_more_text_is_never_fewer_tokens(text: str, more: str) -> None:
    assert saying(A, text) <= saying(A, text + more) <= saying(A, text) + costs(more) + 1


def test_half_a_character_is_text_all_the_same() -> None:
    assert 1 <= costs("\ud83d") <= 2


# --- fixed costs


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("body", [None, [], {}, {"messages": None, "input": None, "tools": None}])
def test_whatever_else_a_request_has_a_beginning(protocol: Protocol, body: Any) -> None:
    assert estimate_tokens(protocol, body) == REQUEST


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_message_costs_something(protocol: Protocol) -> None:
    said = [{"role": "user", "content": ""}] * 100
    tokens = estimate_tokens(protocol, {CONVERSATION[protocol]: said})
    assert REQUEST + 100 * MESSAGE <= tokens <= REQUEST + 100 * (MESSAGE + 3)


@pytest.mark.parametrize(
    "protocol, fields",
    [
        (A, {"system": "Be brief. " * 20}),
        (A, {"system": [{"type": "text", "text": "Be brief. " * 20}]}),
        (C, {"messages": [{"role": "system", "content": "Be brief. " * 20}]}),
        (R, {"instructions": "Be brief. " * 20}),
        (R, {"input": "Be brief. " * 20}),
    ],
)
def test_trap_51_system_text_counts(protocol: Protocol, fields: Any) -> None:
    assert 60 <= estimate_tokens(protocol, fields) - REQUEST <= 100


SCHEMA = {"type": "object", "properties": {"path": {"type": "string", "description": "x" * 70}}}
FUNCTION = {"name": "f", "description": "Reads a file.", "parameters": SCHEMA}


@pytest.mark.parametrize(
    "protocol, fields",
    [
        (A, {"tools": [{"name": "f", "description": "Reads a file.", "input_schema": SCHEMA}]}),
        (C, {"tools": [{"type": "function", "function": FUNCTION}]}),
        (C, {"functions": [FUNCTION]}),
        (R, {"tools": [{"type": "function", **FUNCTION}]}),
    ],
)
def test_trap_51_tools_count_with_their_schemas(protocol: Protocol, fields: Any) -> None:
    fixed = TOOLS[protocol] + TOOL
    assert fixed + 40 <= costs("", protocol, **fields) <= fixed + 80
    [(name, tools)] = fields.items()
    assert costs("", protocol, **{name: tools * 10}) > TOOLS[protocol] + 10 * (TOOL + 40)


def test_a_built_in_tool_brings_the_instructions_of_its_vendor() -> None:
    fields = {"tools": [{"type": "memory_20250818", "name": "memory"}]}
    assert costs("", A, **fields) >= TOOLS[A] + BUILT_IN_TOOL


@pytest.mark.parametrize(
    "protocol, fields",
    [
        (A, {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
        (A, {"output_format": {"type": "json_schema", "schema": SCHEMA}}),
        (C, {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}),
        (R, {"text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}}),
    ],
)
def test_the_schema_of_the_answer_counts(protocol: Protocol, fields: Any) -> None:
    assert FORMAT + 40 <= costs("", protocol, **fields) <= FORMAT + 80


def test_a_format_without_a_schema_is_a_word() -> None:
    assert costs("", R, text={"format": {"type": "text"}, "verbosity": "low"}) < 20


# --- pictures, files, sounds

SMALL, LARGE = "iVBORw0KGgo" + "A" * 1_000, "iVBORw0KGgo" + "A" * 10_000_000


def a_image(data: str) -> Any:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


IMAGES: dict[str, tuple[Protocol, Any]] = {
    "A image": (A, a_image),
    "A image in a tool result": (
        A,
        lambda data: {"type": "tool_result", "tool_use_id": "t", "content": [a_image(data)]},
    ),
    "C image_url": (
        C,
        lambda data: {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
    ),
    "R input_image": (
        R,
        lambda data: {"type": "input_image", "image_url": f"data:image/png;base64,{data}"},
    ),
}


@pytest.mark.parametrize("protocol, image", IMAGES.values(), ids=IMAGES)
def test_an_image_costs_the_same_whatever_its_bytes(protocol: Protocol, image: Any) -> None:
    small, large = (costs([image(data)], protocol) for data in (SMALL, LARGE))
    assert small == large
    assert IMAGE <= small <= IMAGE + 10


def test_images_of_items_count_too() -> None:
    items = [
        {"type": "image_generation_call", "id": "ig_1", "result": SMALL},
        {
            "type": "computer_call_output",
            "output": {"type": "computer_screenshot", "image_url": ""},
        },
        {"type": "function_call_output", "output": [{"type": "input_image", "file_id": "f"}]},
    ]
    tokens = estimate_tokens(R, {"input": items}) - REQUEST
    assert 3 * IMAGE <= tokens <= 3 * IMAGE + 20


def pdf(size: int) -> str:
    return "JVBERi0xLjQK" + "A" * (size * 4 // 3 - 12)


def documents(data: str) -> list[tuple[Protocol, Any]]:
    url = f"data:application/pdf;base64,{data}"
    source = {"type": "base64", "media_type": "application/pdf", "data": data}
    return [
        (A, {"type": "document", "source": source}),
        (C, {"type": "file", "file": {"filename": "x.pdf", "file_data": url}}),
        (C, {"type": "document_url", "document_url": url}),
        (R, {"type": "input_file", "filename": "x.pdf", "file_data": url}),
        (R, {"type": "input_file", "file_url": url}),
    ]


@pytest.mark.parametrize(
    "size, pages",
    [
        pytest.param(500, 1, id="a note"),
        pytest.param(200_000, 8, id="a paper"),
        pytest.param(50_000_000, MAX_PAGES, id="a scan"),
    ],
)
def test_a_pdf_costs_by_its_pages_as_its_size_lets_guess(size: int, pages: int) -> None:
    found = {costs([part], protocol) for protocol, part in documents(pdf(size))}
    assert found == {pages * PAGE}


@pytest.mark.parametrize(
    "protocol, part",
    [
        (A, {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}}),
        (A, {"type": "document", "source": {"type": "file", "file_id": "f"}}),
        (C, {"type": "file", "file": {"file_id": "f"}}),
        (R, {"type": "input_file", "file_url": "https://x/y.pdf"}),
        (R, {"type": "input_file", "file_id": "f", "file_url": None}),
    ],
)
def test_a_file_that_is_elsewhere_costs_what_a_short_one_does(
    protocol: Protocol, part: Any
) -> None:
    assert costs([part], protocol) == FILE


def test_a_file_of_another_kind_is_the_text_in_it() -> None:
    data = "data:text/plain;base64," + "QUJD" * 1_000
    assert 850 <= costs([{"type": "input_file", "file_data": data}], R) <= 900


@pytest.mark.parametrize(
    "source",
    [
        {"type": "text", "media_type": "text/plain", "data": "word " * 700},
        {"type": "content", "content": "word " * 700},
        {"type": "content", "content": [{"type": "text", "text": "word " * 700}]},
    ],
)
def test_a_document_of_text_is_that_text(source: Any) -> None:
    part = {"type": "document", "title": "A title", "source": source}
    assert 1_000 <= costs([part]) <= 1_020


def test_a_document_may_hold_images() -> None:
    source = {"type": "content", "content": [a_image(LARGE)]}
    assert IMAGE <= costs([{"type": "document", "source": source}]) <= IMAGE + 10


def test_a_recording_costs_a_fraction_of_its_bytes() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "A" * 500_000, "format": "mp3"}}
    assert 1_000 <= costs([sound], C) <= 1_100


# --- what is not what it seems


def test_ciphertext_costs_less_than_text() -> None:
    thought = {"type": "thinking", "thinking": "", "signature": "aB3/" * 300}
    redacted = {"type": "redacted_thinking", "data": "aB3/" * 300}
    assert {costs([thought]), costs([redacted])} == {203}
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "aB3/" * 300}
    assert estimate_tokens(R, {"input": [item]}) == REQUEST + 203


def test_the_words_of_an_app_s_own_objects_mean_nothing_here() -> None:
    listing = [{"type": "file", "name": f"image{n}"} for n in range(50)]
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"entries": listing}}
    assert 500 <= costs([call]) <= 1_000
    item = {"type": "tool_search_call", "arguments": {"type": "image", "query": "x"}}
    assert estimate_tokens(R, {"input": [item]}) - REQUEST < 30


def test_a_tool_with_a_property_called_type_is_a_tool() -> None:
    tool = {"type": {"type": "string"}, "image": {"type": "image"}}
    late = {"type": "additional_tools", "role": "developer", "tools": [{"parameters": tool}]}
    assert estimate_tokens(R, {"input": [late]}) - REQUEST < 50
    assert costs([{"type": {"type": "string"}, "text": "x"}]) < 30


@pytest.mark.parametrize("key", ["id", "tool_use_id", "cache_control", "status"])
def test_what_no_model_sees_costs_nothing(key: str) -> None:
    part = {"type": "text", "text": "x"}
    assert costs([{**part, key: "A1" * 100}]) == costs([part])


def test_numbers_and_truth_cost_a_token() -> None:
    assert costs([{"n": 12.5, "b": True, "x": None}]) == costs([{}]) + 2
