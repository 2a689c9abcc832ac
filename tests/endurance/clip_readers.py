"""The readers of clips, by their containers."""

from __future__ import annotations

import functools

import numpy as np

from tests.endurance.picture_readers import MOST_MEGAPIXELS, small_pictures
from tests.endurance.picture_seeds import clips
from tests.endurance.reader import Reader, documented, require
from zero_dce.enhance.video.clip import ClipFrame, open_clip
from zero_dce.enhance.video.writer import open_writer
from zero_dce.files import atomic

# A clip is read as it is played: so many items are enough.
MOST_ITEMS = 60


def check_clip(name: str, content: bytes) -> None:
    """Read a clip as enhancing does, and write its frames and copied packets to another one of its kind."""
    file = small_pictures() / name
    file.write_bytes(content)
    with documented(str(file), ValueError, OSError), open_clip(file, MOST_MEGAPIXELS) as clip:
        require(clip.size[0] * clip.size[1] <= MOST_MEGAPIXELS * 1e6, f"frames of {clip.size}")
        target = file.with_name(f"written-{name}")
        with atomic(target) as unfinished, open_writer(unfinished, target, clip) as writer:
            for _, item in zip(range(MOST_ITEMS), clip.items(), strict=False):
                if isinstance(item, ClipFrame):
                    require(item.pixels.shape == (clip.size[1], clip.size[0], 3), f"a frame of {item.pixels.shape}")
                    require(item.pixels.dtype == np.uint8, f"a frame of {item.pixels.dtype}")
                writer.write(item)
            writer.finish()


def clip_reader(name: str, suffix: str, *tokens: bytes) -> Reader:
    """Return the reader of a container."""
    return Reader(
        name, functools.partial(check_clip, f"clip{suffix}"), clips(suffix), ("zero_dce.enhance.video",), tokens
    )


READERS = (
    clip_reader(
        "mp4", ".mp4", b"moov", b"trak", b"stts", b"stsz", b"stco", b"ctts", b"tkhd", b"edts", b"elst", b"avcC"
    ),
    clip_reader("mkv", ".mkv", b"\x1a\x45\xdf\xa3", b"\x1f\x43\xb6\x75", b"\xa3", b"\x16\x54\xae\x6b", b"FFV1"),
    clip_reader("webm", ".webm", b"V_VP8", b"V_VP9", b"alpha_mode", b"\xa3"),
    clip_reader("mpeg-ts", ".mts", b"\x47", b"\0\0\1\xe0"),
)
