"""Content encodings of bodies: decoding what clients send, and gzip for answers.

brotli and Zstandard are used where they are installed; mitmproxy brings both.
"""

import zlib
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module

from .wire import MAX_BODY


class BadEncoding(Exception):
    """The body is not what its content-encoding says, or the encoding is unknown."""


def _inflate(bits: int) -> Callable[[bytes], bytes]:
    def decode(data: bytes) -> bytes:
        decoder = zlib.decompressobj(bits)
        plain = decoder.decompress(data, MAX_BODY)
        if not decoder.eof:
            raise BadEncoding("the compressed body is cut or too large")
        return plain

    return decode


def _deflate(data: bytes) -> bytes:
    try:
        return _inflate(zlib.MAX_WBITS)(data)
    except zlib.error:
        return _inflate(-zlib.MAX_WBITS)(data)  # many send it without the zlib wrapper


def _brotli(data: bytes) -> bytes:
    return bytes(import_module("brotli").decompress(data))


def _zstd(data: bytes) -> bytes:
    for name in ("compression.zstd", "backports.zstd"):
        with suppress(ImportError):
            return bytes(import_module(name).ZstdDecompressor().decompress(data, MAX_BODY))
    with import_module("zstandard").ZstdDecompressor().stream_reader(data) as reader:
        return bytes(reader.read(MAX_BODY))


DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": _inflate(16 + zlib.MAX_WBITS),
    "x-gzip": _inflate(16 + zlib.MAX_WBITS),
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}


LIBRARIES = ("brotli", "_brotli", "compression", "backports", "zstandard")


def decode(body: bytes, encoding: str | None) -> bytes:
    for name in reversed([part.strip().lower() for part in (encoding or "").split(",")]):
        decoder = DECODERS.get(name)
        if decoder is None:
            raise BadEncoding(f"content-encoding {name!r} is not supported")
        try:
            body = decoder(body)
        except (zlib.error, ImportError) as error:
            raise BadEncoding(str(error)) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in LIBRARIES:
                raise  # a fault of ours; the libraries have error classes of their own
            raise BadEncoding(str(error)) from error
    return body


class Gzip:
    """One gzip stream; every piece can be read as soon as it arrives."""

    def __init__(self) -> None:
        self._encoder = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)

    def piece(self, data: bytes) -> bytes:
        return self._encoder.compress(data) + self._encoder.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._encoder.flush()
