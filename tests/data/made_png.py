"""PNG files whose header says what no picture behind it needs to be."""

import struct
import zlib


def png(width: int, height: int, *chunks: tuple[bytes, bytes], bits: int = 8, kind: int = 2) -> bytes:
    """A PNG of a header with this size, any chunks, and an end.

    bits: per channel. kind: PNG's colour type, by default RGB; 4 is grey with alpha.
    """
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    joined = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(joined)
