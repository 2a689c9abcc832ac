"""Writing a clip: enhanced frames are encoded, all other packets go in as they came."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from zero_dce.enhance.video import CONTAINERS
from zero_dce.enhance.video.clip import ROUNDED, Clip, Frame, Item

# Hardly to be told from what went in, with and without an encoder's patience.
OPTIONS = {
    "libx264": {"crf": "18", "preset": "fast"},
    "libvpx-vp9": {"crf": "22", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
}
# Of ITU-T H.273: matrix coefficients. RGB is stored as it is; in YCbCr it needs a matrix.
RGB, BT709 = 0, 1


class Writer:
    """An open file that takes the items of a clip.

    Args:
        container: the file; its streams are made here.
        clip: what its properties are taken from: times, size, aspect ratio, rotation, colours, tags, chapters.
        encoder: of the frames.
    """

    def __init__(self, container: OutputContainer, clip: Clip, encoder: str) -> None:
        self._container = container
        self._colours = {
            "color_primaries": clip.first.color_primaries,
            "color_trc": clip.first.color_trc,
            "colorspace": BT709 if clip.first.colorspace == RGB else clip.first.colorspace,
            "color_range": clip.first.color_range,
        }
        container.metadata.update(clip.container.metadata)
        container.set_chapters(clip.container.chapters())
        # In the order of the file, so that stream numbers stay.
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
        added.pix_fmt = "yuv420p"
        added.time_base = added.codec_context.time_base = clip.first.time_base
        if clip.video.sample_aspect_ratio:
            added.sample_aspect_ratio = clip.video.sample_aspect_ratio
        for name, value in self._colours.items():
            setattr(added.codec_context, name, value)
        added.set_display_matrix(clip.display_matrix())
        video: VideoStream = _described(added, clip.video)
        return video

    def write(self, item: Item) -> None:
        """Write an enhanced frame, or a packet of another stream."""
        if isinstance(item, Frame):
            self._container.mux(self._video.encode(self._to_encode(item)))
        elif item.stream.index in self._streams:
            item.stream = self._streams[item.stream.index]
            self._container.mux(item)

    def finish(self) -> None:
        """Write what the encoder holds back."""
        self._container.mux(self._video.encode(None))

    def _to_encode(self, item: Frame) -> VideoFrame:
        frame = VideoFrame.from_ndarray(item.pixels, format="rgb24").reformat(
            format="yuv420p",
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
        file: what is written.
        name: the name that it will get: its ending chooses container and encoder.
        clip: whose items it will get.

    Raises:
        OSError: if it cannot be written.
        ValueError: if the container or encoder cannot take the clip.
    """
    form, encoder = CONTAINERS[name.suffix.lower()]
    if encoder == "libx264" and (clip.size[0] % 2 or clip.size[1] % 2):
        raise ValueError(
            f"{clip.file} has {clip.size[0]} x {clip.size[1]} pixels, and H.264 takes even numbers only: crop it, or "
            "convert it to .webm first"
        )
    ratio = clip.video.sample_aspect_ratio
    if encoder == "libvpx-vp9" and ratio not in (None, 0, 1):
        # PyAV gives WebM no aspect ratio, and VP9 has none of its own.
        raise ValueError(f"{clip.file} has pixels of {ratio} to 1, which cannot be written to WebM: convert it to .mkv")
    if encoder not in av.codecs_available:
        raise ValueError(f"{name} needs the encoder {encoder}, which this PyAV lacks: pip install 'zero_dce[video]'")
    # A file of Python's: it reports each write that fails.
    with file.open("w+b") as stream, av.open(stream, "w", format=form) as container:
        yield Writer(container, clip, encoder)


def _described(added: Any, stream: Stream) -> Any:
    """Give a new stream the language, title and role of the one that it stands for."""
    added.metadata.update(stream.metadata)
    added.disposition = stream.disposition
    return added
