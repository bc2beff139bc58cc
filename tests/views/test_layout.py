"""Transcripts as text."""

import pytest

from bridge.views.blocks import Block
from bridge.views.layout import Passage, laid_out, shown, text_of, usage_text
from bridge.views.settings import Setting
from bridge.views.transcript import Transcript, Turn

CONVERSATION = (
    Turn("system", (Block("text", "Be brief."),)),
    Turn("user", (Block("text", "Weather?"), Block("image", title="image/png", detail="9 B"))),
    Turn(
        "assistant",
        (
            Block("reasoning", "I need\n\na tool."),
            Block("text", "Let me look."),
            Block("call", '{\n  "city": "Paris"\n}', "weather"),
            Block("result", "15 C\n", "weather", "failed", new=True),
        ),
    ),
    Turn("user", (Block("text", "And?", new=True), Block("text", "So?", new=True)), "ann"),
)


def test_headings_stand_at_the_margin_and_what_was_said_below_them() -> None:
    transcript = Transcript(
        (Setting("model", "m"), Setting("max tokens", "9")), ("f(a)", "g()"), CONVERSATION
    )
    assert text_of(laid_out(transcript, [Setting("sent to", "chat (openai_chat)")])) == (
        "sent to       chat (openai_chat)\n"
        "model         m\n"
        "max tokens    9\n"
        "tools         2\n"
        "  f(a)\n"
        "  g()\n"
        "\n"
        "━━ system\n"
        "  Be brief.\n"
        "\n"
        "━━ user\n"
        "  Weather?\n"
        "▸ image image/png: 9 B\n"
        "\n"
        "━━ assistant\n"
        "▸ reasoning\n"
        "  I need\n"
        "\n"
        "  a tool.\n"
        "▸ text\n"
        "  Let me look.\n"
        "▸ call weather\n"
        "  {\n"
        '    "city": "Paris"\n'
        "  }\n"
        "▸ result weather: failed (new)\n"
        "  15 C\n"
        "\n"
        "\n"
        "━━ user ann (new)\n"
        "  And?\n"
        "▸ text\n"
        "  So?"
    )


def test_an_answer_says_why_it_ended_and_what_it_took() -> None:
    said = (Turn("assistant", (Block("text", "Hi.", detail="cites https://a", new=True),)),)
    usage = (("input_tokens", 1200), ("output_tokens", 30))
    answer = Transcript((Setting("model", "m"),), (), said, usage, "stop")
    assert text_of(laid_out(answer)) == (
        "model         m\n"
        "usage         1,200 in, 30 out\n"
        "stop          stop\n"
        "\n"
        "━━ assistant\n"
        "▸ text: cites https://a\n"
        "  Hi."
    )


def test_what_went_wrong_stands_above() -> None:
    answer = Transcript(error="server: a page\nof a proxy", faults=("it breaks off",))
    assert text_of(laid_out(answer)) == (
        "error\n  server: a page\n  of a proxy\nnot read      it breaks off"
    )
    assert text_of(laid_out(Transcript())) == ""


def test_nothing_is_marked_new_where_all_of_it_is() -> None:
    first = Turn("user", (Block("text", "hi", new=True),))
    assert "new" not in text_of(laid_out(Transcript(turns=(first,))))


def test_a_passage_says_what_it_is_of() -> None:
    block = Block("text", "a\r\nb")
    transcript = Transcript((Setting("model", "m"),), turns=(Turn("user", (block,)),))
    model, said = laid_out(transcript)
    assert model == Passage("model         m", setting="model")
    assert said == Passage("━━ user", "a\nb", block=block)


def test_a_heading_is_one_line_whatever_it_tells() -> None:
    odd = Turn("user", (Block("document", title="a\nb", detail="c\r\nd"),), "x\ny")
    words = (Setting("a setting\nof many words", "x\ny"),)
    assert text_of(laid_out(Transcript(words, ("f():\nx",), (odd,)))).split("\n") == [
        "a setting of many words x y",
        "tools         1",
        "  f(): x",
        "",
        "━━ user x y",
        "▸ document a b: c d",
    ]


def test_what_cannot_be_shown_has_a_picture() -> None:
    assert shown("a\x1b[0m\x00\x7f\rb\tc\r\nd") == "a␛[0m␀␡␍b\tc\nd"
    assert shown("\ud83d half, 😀 whole") == "� half, 😀 whole"


@pytest.mark.parametrize(
    "usage, text",
    [
        ({"input_tokens": 5, "output_tokens": 2}, "5 in, 2 out"),
        ({}, "0 in, 0 out"),
        (
            {
                "input_tokens": 5000,
                "output_tokens": 2000,
                "cache_read_tokens": 4000,
                "cache_write_tokens": 500,
                "reasoning_tokens": 1000,
            },
            "5,000 in (4,000 from the cache, 500 into the cache), 2,000 out (1,000 of reasoning)",
        ),
    ],
)
def test_tokens_are_told_in_words(usage: dict[str, int], text: str) -> None:
    assert usage_text(usage) == text
