"""What the bytes of a file can hold at best, against what its header claims, before anything is allocated or decoded.

A file of a hundred bytes may claim hundreds of megapixels. Each bound is the best that a format's code can do, so that
no picture which really is in its file is ever refused, however even it is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from zero_dce.images.identify import PNG_START
from zero_dce.images.jpeg_file import check_scans

# In 2 bits deflate repeats at most 258 bytes (zlib, "Technical Details": maximum compression factor).
DEFLATE_FACTOR = 1032
# Huffman codes have at least one bit (ITU-T T.81, annex C), and each block of 8 x 8 values has a code for its mean.
JPEG_PIXELS_A_BYTE = 8 * 8 * 8
# The modes of a macroblock of 16 x 16 pixels take more than 1.6 bits with the fixed probabilities of key frames: 0.8
# for the likeliest of luma, 0.8 for that of colour (RFC 6386, section 11.2). One bit is counted.
VP8_PIXELS_A_BYTE = 8 * 16 * 16

PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Compressions of a BMP that store each pixel: none, and none with bit masks (wingdi.h: BI_RGB, BI_BITFIELDS,
# BI_ALPHABITFIELDS). Run lengths may skip any number of pixels.
BMP_STORED = (0, 3, 6)
BMP_CORE_HEADER = 12
# Markers of a frame (ITU-T T.81, table B.1): SOF0 to SOF15 without DHT, JPG and DAC, which lie between them.
JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Baseline and extended sequential, in Huffman code.
JPEG_SEQUENTIAL = {0xC0, 0xC1}
# From this one on the code is arithmetic, in which a likely block takes next to nothing.
FIRST_ARITHMETIC = 0xC9
# Markers without content: TEM, the restarts and SOI.
JPEG_BARE = {0x01, *range(0xD0, 0xD9)}
# An ANMF chunk has so many bytes before the chunks of its frame (RFC 9649, section 2.7.1.1).
WEBP_FRAME_HEADER = 16


class PictureClaim(NamedTuple):
    """The size that a header claims, and how many pixels each byte of the file can hold at best."""

    width: int
    height: int
    pixels_a_byte: float


def check_capacity(stream: BinaryIO) -> None:
    """Check the header of a JPEG, PNG, WebP or BMP against the length of its file; the stream is rewound.

    Files of other formats, of codes without a bound, and such whose header cannot be read are left to their readers.

    Raises:
        ValueError: if the header claims more pixels than the file can hold; the message gives both. Also if a JPEG has
            so many scans that it would take minutes.
    """
    length = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    claim = _read_claim(stream)
    stream.seek(0)
    if claim is not None:
        check_claim(claim.width, claim.height, length, claim.pixels_a_byte)
    check_jpeg_scans(stream)
    stream.seek(0)


def check_jpeg_scans(jpeg: BinaryIO) -> None:
    """Raise ValueError if a JPEG has more scans than any encoder makes; other files have none."""
    frame = _find_frame(jpeg) if jpeg.read(2) == b"\xff\xd8" else None
    if frame is not None:
        check_scans(jpeg, frame[1][5], frame[0] in JPEG_SEQUENTIAL)


def check_claim(width: int, height: int, length: int, pixels_a_byte: float) -> None:
    """Raise ValueError unless so many bytes can hold a picture of this size."""
    most = int(length * pixels_a_byte)
    if width * height > most:
        raise ValueError(
            f"its header claims {width} x {height} pixels, but its {length} bytes hold at most {most}: it is damaged, "
            "cut short, or a decompression bomb"
        )


def has_arithmetic_code(jpeg: BinaryIO) -> bool:
    """Return whether a JPEG is one in arithmetic code, whose pixels have no least number of bits."""
    frame = _find_frame(jpeg)
    return frame is not None and frame[0] >= FIRST_ARITHMETIC


def _read_claim(stream: BinaryIO) -> PictureClaim | None:
    start = stream.read(34)
    if start.startswith(PNG_START):
        return _claim_of_png(start)
    if start.startswith(b"BM"):
        return _claim_of_bmp(start)
    if start.startswith(b"\xff\xd8\xff"):
        stream.seek(0)
        return _claim_of_jpeg(stream)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return _claim_of_webp(stream)
    return None


def _claim_of_png(start: bytes) -> PictureClaim | None:
    """Read the header chunk (PNG, third edition, section 11.2.1): size, bits a channel, colour type."""
    if len(start) < 26 or not start[24] or start[25] not in PNG_CHANNELS:
        return None
    depth, channels = start[24], PNG_CHANNELS[start[25]]
    width, height = int.from_bytes(start[16:20]), int.from_bytes(start[20:24])
    return PictureClaim(width, height, DEFLATE_FACTOR * 8 / (channels * depth))


def _claim_of_bmp(start: bytes) -> PictureClaim | None:
    """Read size, bits a pixel and compression; a negative height means that the top row comes first."""
    if len(start) < 34:
        return None
    if int.from_bytes(start[14:18], "little") == BMP_CORE_HEADER:
        fields, compression = (start[18:20], start[20:22], start[24:26]), 0
    else:
        fields, compression = (start[18:22], start[22:26], start[28:30]), int.from_bytes(start[30:34], "little")
    width, height = (abs(int.from_bytes(field, "little", signed=len(field) == 4)) for field in fields[:2])
    bits = int.from_bytes(fields[2], "little")
    if compression not in BMP_STORED or not bits:
        return None
    return PictureClaim(width, height, 8 / bits)


def _claim_of_jpeg(stream: BinaryIO) -> PictureClaim | None:
    """Read the frame header (ITU-T T.81, section B.2.2): size, and the sampling factors of each component."""
    frame = _find_frame(stream)
    if frame is None or frame[0] >= FIRST_ARITHMETIC:
        return None
    content = frame[1]
    factors = [(code >> 4, code & 15) for code in content[7 : 6 + 3 * content[5] : 3]]
    finest = max((across * down for across, down in factors), default=0)
    if not finest:
        return None
    # The finest component usually has a value for each pixel; otherwise the blocks are as many fewer.
    sharing = max(across for across, _ in factors) * max(down for _, down in factors) / finest
    width, height = int.from_bytes(content[3:5]), int.from_bytes(content[1:3])
    return PictureClaim(width, height, JPEG_PIXELS_A_BYTE * sharing)


def _find_frame(stream: BinaryIO) -> tuple[int, bytes] | None:
    """Return the marker and the content of a JPEG's frame header; ``None`` where there is none before the pixels."""
    while True:
        start = stream.read(2)
        # Any number of 0xFF may stand before a marker.
        while start == b"\xff\xff":
            start = b"\xff" + stream.read(1)
        if len(start) < 2 or start[0] != 0xFF or start[1] == 0xDA:
            return None
        if start[1] in JPEG_BARE:
            continue
        length = int.from_bytes(stream.read(2)) - 2
        if start[1] not in JPEG_FRAMES:
            stream.seek(max(0, length), io.SEEK_CUR)
            continue
        content = stream.read(max(0, length))
        return (start[1], content) if len(content) >= 9 else None


def _claim_of_webp(stream: BinaryIO) -> PictureClaim | None:
    """Read the size of the first lossy frame (RFC 6386, section 9.1); lossless code may need no bit for a pixel."""
    for kind in _webp_chunks(stream):
        if kind == b"VP8L":
            return None
        if kind == b"VP8 ":
            header = stream.read(10)
            if len(header) < 10:
                return None
            width, height = (int.from_bytes(side, "little") & 0x3FFF for side in (header[6:8], header[8:10]))
            return PictureClaim(width, height, VP8_PIXELS_A_BYTE)
    return None


def _webp_chunks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the kinds of the chunks, also of those inside a frame; the stream stands at each one's content."""
    place = 12
    while True:
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8:
            return
        yield head[:4]
        length = int.from_bytes(head[4:], "little")
        place += 8 + (WEBP_FRAME_HEADER if head[:4] == b"ANMF" else length + length % 2)
