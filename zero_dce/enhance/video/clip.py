"""Reading a clip: its properties, its frames as RGB, and the unchanged packets of its other streams."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias, cast

import av
import numpy as np
from av.buffer import Buffer
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation

from zero_dce.enhance.video import conversion
from zero_dce.enhance.video.opening import (
    damage_named,
    decoder_of,
    first_frame,
    has_alpha,
    open_container,
    video_stream,
)
from zero_dce.images.canvas import PixelArray

# The default conversion to RGB darkens by one step, of which brightening makes three.
ROUNDED = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
# These transfer characteristics of ITU-T H.273 are HDR.
HDR = {16: "PQ", 18: "HLG"}
COPIED = ("audio", "subtitle", "attachment")
# Only VP9 among the encoders used here writes transparency, and only these containers take it.
HOLD_ALPHA = {".webm", ".mkv"}
# The length that a container states may be wrong by so many seconds.
LENGTH_TOLERANCE = 0.5


@dataclass(frozen=True)
class ClipFrame:
    """A frame as stored, not turned by the display matrix.

    Attributes:
        pixels: uint8, H x W x 3.
        pts: the time at which it is shown, in ``time_base``.
        time_base: in seconds.
        duration: in ``time_base``; 0 if unknown.
        alpha: uint8, H x W, 0 where it is transparent; ``None`` if the new clip holds no transparency.
    """

    pixels: PixelArray
    pts: int
    time_base: Fraction
    duration: int
    alpha: PixelArray | None = None


# This alias is a string, because PyAV's class takes a type argument only for the type checker.
Item: TypeAlias = "ClipFrame | Packet[Stream]"


class Clip:
    """An open clip.

    Attributes:
        container: PyAV's open file.
        video: the stream of frames.
        copied: the streams whose packets are copied.
        first: the first decoded frame, which has properties that the stream lacks.
        keeps_alpha: whether it has transparency, which the new clip keeps.
        notices: facts about the clip that are printed.
    """

    def __init__(self, file: Path, container: InputContainer, first: VideoFrame, max_megapixels: float) -> None:
        self.file, self.container, self.first = file, container, first
        self.video = video_stream(file, container)
        self.video.thread_type = "AUTO"
        self.keeps_alpha = has_alpha(self.video, first) and file.suffix.lower() in HOLD_ALPHA
        self._decoder = decoder_of(file, self.video, max_megapixels)
        self._last: Fraction | None = None
        self.copied: list[Stream] = [stream for stream in container.streams if _can_be_copied(stream)]
        self.notices: list[str] = []
        self._check()

    def _check(self) -> None:
        if self.first.color_trc in HDR:
            raise ValueError(
                f"{self.file} is HDR ({HDR[self.first.color_trc]}), and the network knows ordinary pictures only: "
                "convert it to SDR (BT.709) first, for example with the tone mapping of ffmpeg or of a video editor"
            )
        if self.first.interlaced_frame:
            raise ValueError(f"{self.file} is interlaced: deinterlace it first, for example with ffmpeg -vf bwdif")
        if max(component.bits for component in self.first.format.components) > 8:
            self.notices.append("its more than 8 bits a channel become 8")
        if has_alpha(self.video, self.first) and not self.keeps_alpha:
            self.notices.append(f"its transparency is left out, which {self.file.suffix} cannot hold as H.264")
        kept = [self.video, *self.copied]
        left_out = [f"stream {stream.index} ({stream.type})" for stream in self.container.streams if stream not in kept]
        if left_out:
            self.notices.append(f"left out: {', '.join(left_out)}")

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height of a frame in pixels, as stored."""
        return self.first.width, self.first.height

    @property
    def seconds(self) -> float:
        """Return the time at which the clip ends according to its file; 0 if unknown."""
        if not self.container.duration:
            return 0.0
        return float(((self.container.start_time or 0) + self.container.duration) / av.time_base)

    def display_matrix(self) -> list[int] | None:
        """Return the nine numbers that turn the frames for display."""
        data = self.first.side_data.get("DISPLAYMATRIX")
        if data is None:
            return None
        return [int(number) for number in np.frombuffer(bytes(cast(Buffer, data))[:36], np.int32)]

    def items(self) -> Iterator[Item]:
        """Yield frames, and packets of the other streams, in the file's order.

        Raises:
            ValueError: if the clip is damaged, or ends before its time.
        """
        end = 0.0
        with damage_named(self.file):
            for packet in self.container.demux([self.video, *self.copied]):
                if packet.pts is not None and packet.time_base is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.stream is self.video:
                    yield from map(self._convert, self._decoder.decode(packet))
                # The last packet of a stream is empty and only ends it.
                elif packet.size:
                    yield packet
        if end + LENGTH_TOLERANCE < self.seconds:
            raise ValueError(
                f"{self.file} ends after {end:.1f} of {self.seconds:.1f} s: it is cut short. To enhance what is there, "
                f"copy it first: {shlex.join(['ffmpeg', '-i', str(self.file), '-c', 'copy'])} NEW{self.file.suffix}"
            )

    def _convert(self, frame: VideoFrame) -> ClipFrame:
        if frame.pts is None or frame.time_base is None or frame.is_corrupt:
            raise ValueError(f"{self.file} is damaged: a frame cannot be decoded, or has no time")
        if (frame.width, frame.height) != self.size:
            raise ValueError(
                f"{self.file} changes from {self.size[0]} x {self.size[1]} to {frame.width} x {frame.height} pixels; "
                "expected frames of one size: cut it there"
            )
        pixels = frame.to_ndarray(format="rgba" if self.keeps_alpha else "rgb24", interpolation=ROUNDED)
        alpha = pixels[..., 3].copy() if self.keeps_alpha else None
        colours = np.ascontiguousarray(pixels[..., :3])
        converted = ClipFrame(colours, frame.pts, frame.time_base, frame.duration or 0, alpha)
        self._check_time(converted)
        return converted

    def _check_time(self, frame: ClipFrame) -> None:
        """Raise ValueError unless a frame is shown after the one before."""
        before, self._last = self._last, frame.pts * frame.time_base
        if before is not None and self._last <= before:
            raise ValueError(
                f"{self.file} has frame times that go back or stand still: {float(before):.3f} s comes "
                f"before {float(self._last):.3f} s. "
                f"If its frames come at a constant rate, give them new times: "
                f"{conversion(self.file, '-vf', 'setpts=N/FR/TB')}"
            )


def _can_be_copied(stream: Stream) -> bool:
    """Return whether the packets of a stream go to the new clip; sound of an unknown kind has no description."""
    known = stream.type == "attachment" or getattr(stream, "codec_context", None) is not None
    return stream.type in COPIED and known


@contextmanager
def open_clip(file: Path, max_megapixels: float = math.inf) -> Iterator[Clip]:
    """Open a clip.

    Args:
        file: the clip.
        max_megapixels: larger frames are refused before they are decoded.

    Raises:
        OSError: if the file cannot be opened.
        ValueError: if the clip cannot be enhanced; the message says why.
    """
    with damage_named(file):
        first = first_frame(file, max_megapixels)
    # The file is opened again, because not every file can seek back to its first frame exactly.
    with open_container(file, max_megapixels) as container:
        yield Clip(file, container, first, max_megapixels)
