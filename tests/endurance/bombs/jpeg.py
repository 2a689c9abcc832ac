"""JPEGs of many scans, restarts or segments."""

from __future__ import annotations

from tests.endurance.bombs.parts import overlapping_exif, plain
from tests.endurance.picture_seeds import XMP, with_pillow


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2) + content


def jpeg_with(*segments: bytes) -> bytes:
    """Return a small JPEG with further segments."""
    jpeg = with_pillow("JPEG")
    return jpeg[:2] + b"".join(segments) + jpeg[20:]


def jpeg_exif() -> bytes:
    """Five thousand tags that all are the same 64 kilobytes, in each of ten segments."""
    return jpeg_with(*[segment(0xE1, b"Exif\0\0" + overlapping_exif(5000, 65000))] * 10)


def jpeg_scans(count: int = 50_000) -> bytes:
    """A progressive picture of a megapixel with scans that refine nothing in all of its blocks.

    The only code of their table is a run of 16,384 blocks without a change.
    """
    jpeg = plain("JPEG", progressive=True)
    table = segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0")
    scan = segment(0xDA, b"\1\1\0\1\x3f\x10") + b"\0\1"
    return jpeg[:-2] + table + scan * count + b"\xff\xd9"


def jpeg_baseline_scans() -> bytes:
    """Without progressive coding: each scan gives one component again."""
    jpeg = plain("JPEG")
    first = jpeg.index(b"\xff\xda")
    scan = segment(0xDA, b"\1\1\0\0\x3f\0") + b"\0"
    return jpeg[:first] + scan * 100_000 + b"\xff\xd9"


def jpeg_restarts() -> bytes:
    """A hundred thousand restart markers, and an interval of one block."""
    jpeg = plain("JPEG", restart_marker_blocks=1)
    return jpeg[:-2] + b"".join(bytes((0xFF, 0xD0 + number % 8)) for number in range(100_000)) + b"\xff\xd9"


def jpeg_segments() -> bytes:
    """Sixteen megabytes of application segments."""
    return jpeg_with(*[segment(0xE3, bytes(60000))] * 280)


def jpeg_small_segments() -> bytes:
    """Two hundred thousand comments."""
    return jpeg_with(segment(0xFE, b"a") * 200_000)


def jpeg_fill() -> bytes:
    """Four megabytes of fill bytes before a marker."""
    return b"\xff\xd8" + b"\xff" * (4 << 20) + with_pillow("JPEG")[2:]


def jpeg_profiles() -> bytes:
    """A profile in 255 pieces of 64 kilobytes."""
    return jpeg_with(*[segment(0xE2, b"ICC_PROFILE\0" + bytes((n, 255)) + bytes(65000)) for n in range(1, 256)])


def jpeg_tables() -> bytes:
    """A hundred thousand tables of Huffman codes."""
    return jpeg_with(segment(0xC4, bytes(17)) * 100_000)


def jpeg_xmp() -> bytes:
    """A packet of sixty kilobytes of open elements, attributes and white space, twenty times."""
    head = b"http://ns.adobe.com/xap/1.0/\0" + XMP
    parts = (b"<hdrgm:a ", b' hdrgm:a="', b"<hdrgm:a>", b" " * 9 + b"hdrgm:", b"xmlns:hdrgm \t", b"GCamera:Motion")
    return jpeg_with(*[segment(0xE1, (head + part * 9999)[:65000]) for part in parts * 3])
