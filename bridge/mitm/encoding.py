"""Content encodings of bodies: of those that are read while they come in, and of whole ones."""

import zlib
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

import brotli

type Decode = Callable[[bytes], bytes]

GZIP = zlib.MAX_WBITS | 16  # as zlib is told of that format
MEMBER = b"\x1f"  # begins one; what else stands behind the last is padding


def decoder(encoding: str) -> Decode | None:
    """A function that takes the next bytes as sent and gives what can be read of them.

    None for an encoding nobody here knows; then the bytes mean nothing to us. The function raises
    ValueError on bytes that are not of the encoding.
    """
    make = _DECODERS.get(encoding.strip().lower())
    return make() if make else None


def decoded(body: bytes, encoding: str) -> bytes:
    """A whole body as it was before it was encoded, in any number of steps (RFC 9110, section 8.4).

    As it is where that is not what it says: then it is no JSON, and whoever reads it says so.
    """
    try:
        for name in reversed(encoding.split(",")):
            decode = decoder(name)
            body = decode(body) if decode else body
    except ValueError:
        return body
    return body


def _plain() -> Decode:
    return lambda data: data


def _zlib(window_bits: int) -> Callable[[], Decode]:
    return lambda: _checked(zlib.decompressobj(window_bits).decompress)


def _gzip() -> Decode:
    """A body may be several members, one behind the other. RFC 1952, section 2.2."""
    member = zlib.decompressobj(GZIP)

    def decode(data: bytes) -> bytes:
        nonlocal member
        plain = b""
        while data and not (member.eof and data[:1] != MEMBER):
            member = zlib.decompressobj(GZIP) if member.eof else member
            plain += member.decompress(data)
            data = member.unused_data
        return plain

    return _checked(decode)


def _deflate() -> Decode:
    """Two formats go by this name; the first bytes tell which. RFC 9110, section 8.4.1.2."""
    inflate: Decode | None = None

    def decode(data: bytes) -> bytes:
        nonlocal inflate
        if not data:
            return b""
        if inflate is None:
            bits = zlib.MAX_WBITS if data[:1] == b"\x78" else -zlib.MAX_WBITS
            inflate = _zlib(bits)()
        return inflate(data)

    return decode


def _brotli() -> Decode:
    return _checked(brotli.Decompressor().process)


def _library(*names: str) -> Any:
    """The first of the modules that is there."""
    for name in names:
        with suppress(ImportError):
            return import_module(name)
    raise ImportError(f"mitmproxy comes with one of {', '.join(names)}")


# Python's own from 3.14 on, the same for older ones, and what mitmproxy before 12.3 came with.
zstd = _library("compression.zstd", "backports.zstd", "zstandard")


def _zstd() -> Decode:
    """A body may be several frames, one behind the other. RFC 8878, section 3.1."""
    frame = zstd.ZstdDecompressor()
    if hasattr(frame, "decompressobj"):
        return _checked(frame.decompressobj(read_across_frames=True).decompress)

    def decode(data: bytes) -> bytes:
        nonlocal frame
        plain = b""
        while data:
            frame = zstd.ZstdDecompressor() if frame.eof else frame
            plain += frame.decompress(data)
            data = frame.unused_data
        return plain

    return _checked(decode)


def _checked(decode: Decode) -> Decode:
    def checked(data: bytes) -> bytes:
        try:
            return decode(data)
        except (zlib.error, brotli.error, zstd.ZstdError) as error:
            raise ValueError(f"the body is not in its content encoding: {error}") from None

    return checked


_DECODERS: dict[str, Callable[[], Decode]] = {
    "": _plain,
    "identity": _plain,
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
