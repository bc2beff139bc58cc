import re
import zlib
from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import digest
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transform.envelope import MAX_BYTES, PREFIX, is_sealed, seal, unseal
from bridge.transform.json_text import dumps
from bridge.transform.model import Native, Protocol

KEY = b"a key of this installation"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
PROTOCOLS: list[Protocol] = ["anthropic_messages", "openai_chat", "openai_responses"]

ANY_TEXT = st.text(st.characters(exclude_categories=()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=10,
)
NATIVES = st.builds(
    Native,
    st.sampled_from(PROTOCOLS),
    st.lists(JSON, max_size=4).map(tuple),
    ANY_TEXT,
    ANY_TEXT,
)
BLOCK = {"type": "thinking", "thinking": "hm", "signature": "EqQB" * 30}
NATIVE = Native("anthropic_messages", (BLOCK,), "anthropic", "claude-opus-5-5")


def sealed(native: Native = NATIVE, key: bytes = KEY) -> str:
    text = seal(native, key)
    assert text is not None
    return text


def forged(content: bytes, key: bytes = KEY) -> str:
    """An envelope with a valid MAC around anything."""
    middle = urlsafe_b64encode(content).rstrip(b"=")
    mac = urlsafe_b64encode(digest(key, middle, sha256)[:9])
    return f"{PREFIX}{middle.decode()}.{mac.decode()}"


def fields(**changes: Any) -> bytes:
    return zlib.compress(dumps({"v": 1, "p": "A", "o": "", "m": "", "b": []} | changes))


@given(native=NATIVES, key=st.binary(max_size=40))
def test_what_is_sealed_is_unsealed(native: Native, key: bytes) -> None:
    assert unseal(sealed(native, key), key) == native


@given(native=NATIVES)
def test_an_envelope_fits_every_string_slot(native: Native) -> None:
    text = sealed(native)
    assert set(text) <= set(ALPHABET)
    assert re.fullmatch(r"brg1\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{12}", text)
    assert is_sealed(text)


@given(native=NATIVES)
def test_equal_state_has_an_equal_envelope(native: Native) -> None:
    assert sealed(native) == sealed(native)


@given(place=st.integers(0, 10_000), letter=st.sampled_from(ALPHABET + "=+/ é\ud800"))
def test_trap_36_any_changed_character_is_refused(place: int, letter: str) -> None:
    text = sealed()
    place %= len(text)
    changed = text[:place] + letter + text[place + 1 :]
    assert changed == text or unseal(changed, KEY) == "opaque_invalid"


@given(length=st.integers(0, 10_000), more=st.text(ALPHABET, min_size=1, max_size=3))
def test_a_cut_or_continued_envelope_is_refused(length: int, more: str) -> None:
    text = sealed()
    assert unseal(text[: length % len(text)], KEY) == "opaque_invalid"
    assert unseal(text + more, KEY) == "opaque_invalid"


@given(key=st.binary())
def test_trap_36_another_installations_envelope_is_refused(key: bytes) -> None:
    assert key == KEY or unseal(sealed(key=key), KEY) == "opaque_invalid"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(PREFIX, id="the prefix alone"),
        pytest.param("brg1..", id="empty fields"),
        pytest.param("EqQBCkgIARABGAIiQL", id="a vendor's own signature"),
        pytest.param("brg1.\ud800.\ud800", id="lone surrogates"),
        pytest.param(forged(b"no zlib"), id="no compressed data"),
        pytest.param(forged(fields()[:-6]), id="compressed data that is cut"),
        pytest.param(forged(zlib.compress(b"{")), id="no JSON"),
        pytest.param(forged(zlib.compress(b"[" * 100_000)), id="JSON that is nested too deeply"),
        pytest.param(forged(zlib.compress(b"[1]")), id="JSON that is no object"),
        pytest.param(forged(zlib.compress(b"{}")), id="an empty object"),
        pytest.param(forged(fields(v=2)), id="a later version"),
        pytest.param(forged(fields(p="X")), id="an unknown protocol"),
        pytest.param(forged(fields(p=["A"])), id="a protocol that is no text"),
        pytest.param(forged(fields(b=None)), id="no blocks"),
        pytest.param(PREFIX + "a." + forged(b"")[-12:], id="the MAC of something else"),
    ],
)
def test_what_is_no_envelope_of_ours_is_refused(text: str) -> None:
    assert unseal(text, KEY) == "opaque_invalid"


def test_the_largest_state_there_may_be_goes_through() -> None:
    room = MAX_BYTES - len(dumps({"v": 1, "p": "A", "o": "", "m": "", "b": [""]}))
    native = Native("anthropic_messages", ("x" * room,))
    assert unseal(sealed(native), KEY) == native
    assert seal(Native("anthropic_messages", ("x" * (room + 1),)), KEY) is None


def test_a_bomb_is_not_unpacked() -> None:
    inflated = zlib.compress(b" " * (MAX_BYTES + 1))
    assert len(inflated) < 20_000
    assert unseal(forged(inflated), KEY) == "opaque_too_large"


@pytest.mark.parametrize(
    "value, answer",
    [
        pytest.param("brg1.x", True, id="our prefix"),
        pytest.param("EqQBCkgI", False, id="a vendor's own state"),
        pytest.param(" brg1.x", False, id="our prefix in the middle"),
        pytest.param("brg2.x", False, id="a later version"),
        pytest.param("", False, id="an empty text"),
        pytest.param(None, False, id="nothing"),
        pytest.param(b"brg1.x", False, id="bytes"),
        pytest.param(["brg1.x"], False, id="a list"),
    ],
)
def test_is_sealed(value: object, answer: bool) -> None:
    assert is_sealed(value) is answer
