"""Content encodings of bodies that are read while they come in."""

import zlib
from collections.abc import Callable

import brotli
import zstandard

type Decode = Callable[[bytes], bytes]


def decoder(encoding: str) -> Decode | None:
    """A function that takes the next bytes as sent and gives what can be read of them.

    None for an encoding nobody here knows; then the bytes mean nothing to us. The function raises
    ValueError on bytes that are not of the encoding.
    """
    make = _DECODERS.get(encoding.strip().lower())
    return make() if make else None


def _plain() -> Decode:
    return lambda data: data


def _zlib(window_bits: int) -> Callable[[], Decode]:
    return lambda: _checked(zlib.decompressobj(window_bits).decompress)


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


def _zstd() -> Decode:
    return _checked(zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress)


def _checked(decode: Decode) -> Decode:
    def checked(data: bytes) -> bytes:
        try:
            return decode(data)
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            raise ValueError(f"the body is not in its content encoding: {error}") from None

    return checked


_DECODERS: dict[str, Callable[[], Decode]] = {
    "": _plain,
    "identity": _plain,
    "gzip": _zlib(zlib.MAX_WBITS | 16),
    "x-gzip": _zlib(zlib.MAX_WBITS | 16),
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
