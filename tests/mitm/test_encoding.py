import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.net import encoding as codings

from bridge.mitm.encoding import decoded, decoder

CODINGS = ["identity", "gzip", "deflate", "br", "zstd"]


@pytest.mark.parametrize("name", CODINGS)
@given(body=st.binary(min_size=1, max_size=2000), cuts=st.lists(st.integers(1, 50), max_size=40))
def test_any_cutting_of_a_compressed_body_is_read(name: str, body: bytes, cuts: list[int]) -> None:
    sent = codings.encode(body, name)
    assert isinstance(sent, bytes)
    decode = decoder(name)
    assert decode
    read = b""
    for size in cuts:
        read += decode(sent[:size])
        sent = sent[size:]
    assert read + decode(sent) + decode(b"") == body


def test_deflate_without_its_header_is_read_too() -> None:
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    sent = raw.compress(b"hello") + raw.flush()
    decode = decoder("Deflate ")
    assert decode and decode(sent) == b"hello"


def test_what_is_ready_is_given_before_the_rest_comes() -> None:
    pack = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    decode = decoder("gzip")
    assert decode and decode(pack.compress(b"one") + pack.flush(zlib.Z_SYNC_FLUSH)) == b"one"


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_bytes_of_another_encoding_are_a_value_error(name: str) -> None:
    decode = decoder(name)
    assert decode
    with pytest.raises(ValueError, match="content encoding"):
        for _ in range(3):
            decode(b"\x00\x01 this is no such encoding" * 100)


def test_an_unknown_encoding_has_no_decoder() -> None:
    assert decoder("sdch") is None


@pytest.mark.parametrize("name", ["zstd", "gzip"])
def test_a_body_of_two_frames_or_members_is_read_to_its_end(name: str) -> None:
    decode, two = decoder(name), [codings.encode(part, name) for part in (b"one ", b"two")]
    assert decode and isinstance(two[0], bytes) and isinstance(two[1], bytes)
    assert decode(two[0] + two[1][:5]) + decode(two[1][5:]) == b"one two"


@pytest.mark.parametrize("pieces", [1, 2])
def test_padding_behind_a_gzip_body_is_none_of_it(pieces: int) -> None:
    sent, decode = codings.encode(b"one", "gzip"), decoder("gzip")
    assert decode and isinstance(sent, bytes)
    padded = [sent + bytes(8)] if pieces == 1 else [sent, bytes(8)]
    assert b"".join(map(decode, padded)) == b"one"


def test_an_empty_first_piece_decides_nothing() -> None:
    decode: Any = decoder("deflate")
    assert decode(b"") == b""
    assert decode(zlib.compress(b"x")) == b"x"


PACKED = zlib.compress(b"hello")
TWICE = codings.encode(codings.encode(b"hello", "gzip"), "zstd")


@pytest.mark.parametrize(
    "body, encoding, expected",
    [
        pytest.param(b"hello", "", b"hello", id="none"),
        pytest.param(codings.encode(b"hello", "zstd"), "ZStd", b"hello", id="in any case"),
        pytest.param(codings.encode(b"hello", "gzip"), "x-gzip", b"hello", id="its old name"),
        pytest.param(TWICE, "gzip, zstd", b"hello", id="the last one first"),
        pytest.param(PACKED, "identity,deflate", b"hello", id="one that changes nothing"),
        pytest.param(b"hello", "sdch", b"hello", id="one nobody knows"),
        pytest.param(b"hello", "gzip", b"hello", id="not what it says"),
        pytest.param(b"", "br", b"", id="nothing"),
    ],
)
def test_whole_bodies(body: bytes, encoding: str, expected: bytes) -> None:
    assert decoded(body, encoding) == expected
