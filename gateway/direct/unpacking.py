"""Bodies of platforms that pack although they were asked not to: unpacked piece by piece."""

import zlib
from collections.abc import Awaitable, Callable, Mapping

from gateway.wires import Broken, NotHttp

_UNPACKED: Mapping[str, int] = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS}
_ONE_PIECE = 256 * 2**10  # bytes that are unpacked at once, of what may unpack to a thousandfold


def unpacked(some: Callable[[], Awaitable[bytes]], coding: str) -> Callable[[], Awaitable[bytes]]:
    """A body's pieces as they were before they were packed. Raises NotHttp for another coding.

    Its pieces raise Broken where what came cannot be unpacked, or is more or less than it should.
    """
    if coding == "identity":
        return some
    if coding == "deflate":
        unpack = zlib.decompressobj()
    elif coding in _UNPACKED:
        unpack = zlib.decompressobj(_UNPACKED[coding])
    else:
        raise NotHttp
    begun = done = False

    async def more() -> bytes:
        nonlocal begun, done
        while not done:
            piece = unpack.unconsumed_tail or await some()
            if unpack.unused_data or (piece and unpack.eof):
                raise Broken  # what comes after the end would be kept, however much it is
            begun = begun or bool(piece)
            try:
                found = unpack.decompress(piece, _ONE_PIECE)
            except zlib.error as error:
                raise Broken from error
            done = not piece and not found
            if found:
                return found
        if begun and not unpack.eof:
            raise Broken
        return b""

    return more
