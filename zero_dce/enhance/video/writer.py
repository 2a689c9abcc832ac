"""Writing a clip: enhanced frames are encoded, all other packets are copied."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from zero_dce.enhance.video import CONTAINERS, conversion
from zero_dce.enhance.video.clip import ROUNDED, Clip, ClipFrame, Item
from zero_dce.enhance.video.opening import ALPHA_MODE
from zero_dce.terminal import pip_install

# With these options the encoded frames can hardly be told from the enhanced ones.
OPTIONS = {
    "libx264": {"crf": "18", "preset": "fast"},
    "libvpx-vp9": {"crf": "22", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
}
# H.264 has no transparency.
ALPHA_ENCODER = "libvpx-vp9"
# These are matrix coefficients of ITU-T H.273. A clip stored as RGB has none, but becomes YCbCr, which needs some.
RGB, BT709 = 0, 1


class Writer:
    """An open file that takes the items of a clip.

    Args:
        container: the file; its streams are added here.
        clip: the source of times, size, aspect ratio, rotation, colours, tags and chapters.
        encoder: of the frames.
    """

    def __init__(self, container: OutputContainer, clip: Clip, encoder: str) -> None:
        self._file, self._container = clip.file, container
        self._pixels = "yuva420p" if clip.keeps_alpha else "yuv420p"
        self._colours = {
            "color_primaries": clip.first.color_primaries,
            "color_trc": clip.first.color_trc,
            "colorspace": BT709 if clip.first.colorspace == RGB else clip.first.colorspace,
            "color_range": clip.first.color_range,
        }
        container.metadata.update(clip.container.metadata)
        container.set_chapters(clip.container.chapters())
        # Streams are added in the order of the file, so that they keep their numbers.
        self._streams: dict[int, Stream] = {}
        for stream in clip.container.streams:
            if stream is clip.video:
                self._video = self._add_video(clip, encoder)
            elif stream in clip.copied:
                self._streams[stream.index] = _described(container.add_stream_from_template(stream), stream)

    def _add_video(self, clip: Clip, encoder: str) -> VideoStream:
        rate = clip.video.average_rate or clip.video.guessed_rate or Fraction(25)
        added: Any = self._container.add_stream(encoder, rate=rate, options=OPTIONS[encoder])
        added.width, added.height = clip.size
        added.pix_fmt = self._pixels
        added.time_base = added.codec_context.time_base = clip.first.time_base
        if clip.video.sample_aspect_ratio:
            added.sample_aspect_ratio = clip.video.sample_aspect_ratio
        for name, value in self._colours.items():
            setattr(added.codec_context, name, value)
        added.set_display_matrix(clip.display_matrix())
        video: VideoStream = _described(added, clip.video)
        if not clip.keeps_alpha:
            tags = [name for name in video.metadata if name.lower() == ALPHA_MODE]
            for name in tags:
                del video.metadata[name]
        return video

    def write(self, item: Item) -> None:
        """Write an enhanced frame, or a packet of another stream."""
        if isinstance(item, ClipFrame):
            self._container.mux(self._video.encode(self._to_encode(item)))
        elif item.stream.index in self._streams:
            self._copy(item)

    def _copy(self, packet: Packet[Stream]) -> None:
        kind, seconds = packet.stream.type, float((packet.dts or 0) * (packet.time_base or 0))
        packet.stream = self._streams[packet.stream.index]
        try:
            self._container.mux(packet)
        except av.error.ArgumentError as error:
            raise ValueError(
                f"{self._file}: its {kind} at {seconds:.3f} s cannot be copied: the times of its packets go back, or "
                f"this container does not take them. Convert it first: {conversion(self._file)}"
            ) from error

    def finish(self) -> None:
        """Write the frames that the encoder still holds."""
        self._container.mux(self._video.encode(None))

    def _to_encode(self, item: ClipFrame) -> VideoFrame:
        form, pixels = "rgb24", item.pixels
        if item.alpha is not None:
            form, pixels = "rgba", np.dstack([item.pixels, item.alpha])
        frame = VideoFrame.from_ndarray(pixels, format=form).reformat(
            format=self._pixels,
            dst_colorspace=self._colours["colorspace"],
            dst_color_range=self._colours["color_range"],
            interpolation=ROUNDED,
        )
        for name, value in self._colours.items():
            setattr(frame, name, value)
        frame.pts, frame.time_base, frame.duration = item.pts, item.time_base, item.duration
        return frame


@contextmanager
def open_writer(file: Path, name: Path, clip: Clip) -> Iterator[Writer]:
    """Open a file for a clip.

    Args:
        file: the file to write.
        name: its final name, whose suffix chooses the container and the encoder.
        clip: the clip whose items will be written.

    Raises:
        OSError: if it cannot be written.
        ValueError: if the container or encoder cannot take the clip.
    """
    form, encoder = CONTAINERS[name.suffix.lower()]
    if clip.keeps_alpha:
        encoder = ALPHA_ENCODER
    if encoder == "libx264" and (clip.size[0] % 2 or clip.size[1] % 2):
        raise ValueError(
            f"{clip.file} has {clip.size[0]} x {clip.size[1]} pixels, and H.264 takes even numbers only: crop it, or "
            "convert it to .webm first"
        )
    ratio = clip.video.sample_aspect_ratio
    if form == "webm" and ratio not in (None, 0, 1):
        # PyAV writes no aspect ratio to WebM, and VP9 itself has none.
        raise ValueError(f"{clip.file} has pixels of {ratio} to 1, which cannot be written to WebM: convert it to .mkv")
    if encoder not in av.codecs_available:
        raise ValueError(f"{name} needs the encoder {encoder}, which this PyAV lacks: {pip_install('video')}")
    # A camera's .mts and .m2ts have packets of 192 bytes, those of other transport streams have 188.
    options = {"mpegts_m2ts_mode": "1"} if name.suffix.lower() in (".mts", ".m2ts") else {}
    # Python's own file object reports every write that fails.
    with (
        _clip_named(clip),
        file.open("w+b") as stream,
        av.open(stream, "w", format=form, options=options) as container,
    ):
        yield Writer(container, clip, encoder)


@contextmanager
def _clip_named(clip: Clip) -> Iterator[None]:
    """Raise whatever FFmpeg does not take of a clip as ValueError with its name; what the system says stays."""
    try:
        yield
    except av.error.FFmpegError as error:
        # FFmpeg says by this number that the container does not take it; every other one is the system's.
        if isinstance(error, OSError) and error.errno != errno.EOPNOTSUPP:
            raise
        raise ValueError(
            f"{clip.file}: what it holds cannot be written to a new clip: {error.strerror}. Convert it first: "
            f"{conversion(clip.file)}"
        ) from error


def _described(added: Any, stream: Stream) -> Any:
    """Copy the language, title and role of a stream to the one that replaces it."""
    added.metadata.update(stream.metadata)
    added.disposition = stream.disposition
    return added
