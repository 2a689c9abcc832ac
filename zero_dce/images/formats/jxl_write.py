"""JPEG XL codestreams in any depth and colours: imagecodecs encodes pixels, and then the header is told the truth.

The codec labels more than 8 bits as linear light. So it is given numbers that are kept exactly, or linear light where
colours are lossy, and its header gets the depth and the colours that the file is to have.
"""

from __future__ import annotations

import numpy as np

from zero_dce.images.canvas import ROWS_AT_ONCE, ArrayCanvas, PixelArray
from zero_dce.images.coded_space import SRGB_SPACE, CodedSpace
from zero_dce.images.formats.bmff import make_box, read_boxes
from zero_dce.images.formats.depth import cut_depth
from zero_dce.images.formats.jxl_header import read_jxl_header
from zero_dce.images.identify import JXL_CODE_START

# So many bits, and the number that they make, the lowest first.
BitField = tuple[int, int]
TYPE_BOX = make_box(b"ftyp", b"jxl \0\0\0\0jxl ")
# Everything as usual; and of grey: no profile, grey, D65, the curve of sRGB by its number, relative colours.
SRGB_COLOURS: BitField = (1, 1)
# After the colours follow no extensions, and the usual transformation.
LAST_BITS: BitField = (3, 0b100)


def join_bits(*fields: BitField) -> BitField:
    """Return fields one after the other."""
    count, number = 0, 0
    for length, value in fields:
        number |= value << count
        count += length
    return count, number


# The choices of two bits and what follows them: 1 for 1, and 2 for 2 and more, in four further bits.
_ONE: BitField = (2, 1)
GREY_COLOURS = join_bits((2, 0), _ONE, _ONE, (1, 0), (2, 2), (4, 11), _ONE)


def cut_bits(codestream: bytes, start: int, end: int) -> BitField:
    """Return bits of a codestream's header, counted after the signature."""
    number = int.from_bytes(codestream[2 : 2 + (end + 7) // 8], "little")
    return end - start, number >> start & ((1 << (end - start)) - 1)


def encode_jxl(
    pixels: PixelArray, bits: int, floating: bool, space: CodedSpace | None, colours: BitField, distance: float
) -> bytes:
    """Encode pixels as a codestream.

    Args:
        pixels: uint8, uint16 or float32, H x W, or H x W x channels.
        bits: of each channel of the file, and ``floating`` whether they are of a floating-point number.
        floating: see ``bits``.
        space: what the numbers mean; ``None`` is sRGB.
        colours: the same in the bits of a header.
        distance: how far colours may be off, in just noticeable differences; 0 keeps every number.
    """
    import imagecodecs  # slow to import, and only JPEG XL needs it

    if distance:
        encoded = imagecodecs.jpegxl_encode(_to_light(pixels, space), distance=distance)
    elif floating:
        encoded = imagecodecs.jpegxl_encode(pixels.astype(f"f{bits // 8}"), lossless=True)
    else:
        stored = cut_depth(pixels, bits).astype(np.uint8 if bits <= 8 else np.uint16)
        encoded = imagecodecs.jpegxl_encode(np.ascontiguousarray(stored), lossless=True, bitspersample=bits)
    codestream = join_codestream(bytes(encoded))
    header = read_jxl_header(codestream)
    end = header.colours_at[1] + LAST_BITS[0]
    if cut_bits(codestream, header.colours_at[1], end) != LAST_BITS:
        raise ValueError("this imagecodecs writes headers of JPEG XL that are not known: another version is needed")
    # The depth of numbers that are kept is theirs already.
    depth = _depth_bits(bits) if distance and not floating else cut_bits(codestream, *header.depth_at)
    between = cut_bits(codestream, header.depth_at[1], header.colours_at[0])
    before = cut_bits(codestream, 0, header.depth_at[0])
    count, number = join_bits(before, depth, between, colours, LAST_BITS)
    return JXL_CODE_START + number.to_bytes((count + 7) // 8, "little") + codestream[2 + (end + 7) // 8 :]


def join_codestream(file: bytes) -> bytes:
    """Return the codestream of a file, which may lie in boxes, in one piece or several."""
    if file.startswith(JXL_CODE_START):
        return file
    pieces = []
    for box in read_boxes(file):
        if box.kind == b"jxlc":
            return box.content
        if box.kind == b"jxlp":
            # Four bytes are the number of the piece; the highest bit marks the last.
            pieces.append((int.from_bytes(box.content[:4]) & 0x7FFFFFFF, box.content[4:]))
    return b"".join(content for _, content in sorted(pieces))


def _depth_bits(bits: int) -> BitField:
    """Return how a header gives the depth of whole numbers."""
    choice = {8: 0, 10: 1, 12: 2}.get(bits, 3)
    return join_bits((1, 0), (2, choice), (6, bits - 1) if choice == 3 else (0, 0))


def _to_light(pixels: PixelArray, space: CodedSpace | None) -> PixelArray:
    """Return linear light, float32, with the primaries of sRGB; alpha stays as it is."""
    space = space or SRGB_SPACE
    white = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
    canvas = ArrayCanvas(pixels)
    light = np.empty(pixels.shape, np.float32)
    for top in range(0, canvas.height, ROWS_AT_ONCE):
        bottom = min(top + ROWS_AT_ONCE, canvas.height)
        rows = canvas.read((0, top, canvas.width, bottom))
        if rows.dtype.kind == "f":
            rows = np.rint(rows * 65535).astype(np.uint16)
        colours = space.to_light(rows)
        if pixels.ndim == 2:
            light[top:bottom] = colours[..., 1]
            continue
        count = 1 if pixels.shape[2] < 3 else 3
        light[top:bottom, :, :count] = colours[..., :count]
        light[top:bottom, :, count:] = pixels[top:bottom, :, count:] / np.float32(white)
    return light
