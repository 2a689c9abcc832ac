"""Opening a clip: its container, the stream of frames and their decoder, each of which may be anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from zero_dce.enhance.video import DEMUXERS

# VP8 and VP9 store transparency as a second picture beside the first, where FFmpeg's own decoders do not look.
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
# Matroska's tag; FFmpeg takes any case.
ALPHA_MODE = "alpha_mode"
# FFmpeg's own limit of the pixels of a frame.
MOST_FRAME_PIXELS = 2**31 - 1


def video_stream(file: Path, container: InputContainer) -> VideoStream:
    """Return the first stream of frames that is not a cover picture.

    Raises:
        ValueError: if there is none, or FFmpeg has no decoder for it.
    """
    streams = [stream for stream in container.streams.video if Disposition.attached_pic not in stream.disposition]
    if not streams:
        raise ValueError(f"{file} has no video stream; expected a clip with one")
    # What FFmpeg does not know is there without a decoder, against what PyAV's types say.
    if getattr(streams[0], "codec_context", None) is None:
        raise ValueError(f"{file} has a video stream of a kind that FFmpeg does not decode")
    return streams[0]


def decoder_of(file: Path, stream: VideoStream, max_megapixels: float) -> VideoCodecContext:
    """Return the decoder of a stream, one that sees its transparency if it has some, and refuses larger frames.

    Raises:
        ValueError: if the stream says that its frames are larger.
    """
    context = stream.codec_context
    if context.width * context.height > max_megapixels * 1e6:
        raise ValueError(f"{file} has frames of more than {max_megapixels:g} megapixels (--max-megapixels)")
    if context.name in ALPHA_DECODERS and _is_tagged(stream):
        context = cast(VideoCodecContext, CodecContext.create(ALPHA_DECODERS[context.name], "r"))
    # Frames may be larger than the stream says.
    context.options = {**context.options, **_pixel_limit(max_megapixels)}
    return context


def _pixel_limit(max_megapixels: float) -> dict[str, str]:
    """Return FFmpeg's option by which larger frames are refused before there is memory for them."""
    return {"max_pixels": str(int(min(max_megapixels * 1e6, MOST_FRAME_PIXELS)))}


def _is_tagged(stream: VideoStream) -> bool:
    return any(name.lower() == ALPHA_MODE and value == "1" for name, value in stream.metadata.items())


def has_alpha(stream: VideoStream, frame: VideoFrame) -> bool:
    """Return whether a stream has transparency, by its tag or its first frame."""
    return _is_tagged(stream) or any(component.is_alpha for component in frame.format.components)


@contextmanager
def damage_named(file: Path) -> Iterator[None]:
    """Raise whatever FFmpeg says of a clip as ValueError with its name; what the system says stays.

    A table that is damaged may claim more memory than there is.
    """
    try:
        yield
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise ValueError(f"{file} is damaged: {error.strerror}") from error


def open_container(file: Path, max_megapixels: float) -> InputContainer:
    """Open a file with a demuxer of the containers that are clips, which read this one file only.

    The prefix keeps FFmpeg from taking a colon in a name for a protocol.

    Raises:
        ValueError: if it is something else.
    """
    # To find out what is in a file, FFmpeg decodes some frames of it too.
    options = {"format_whitelist": DEMUXERS, "protocol_whitelist": "file", **_pixel_limit(max_megapixels)}
    try:
        return av.open(f"file:{file}", options=options, metadata_errors="replace")
    except av.error.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise ValueError(
            f"cannot read {file} as a video clip: it is cut short, damaged or something else; expected MP4, MOV, 3GP, "
            "MKV, WebM or MPEG-TS. Playlists are not followed"
        ) from error


def first_frame(file: Path, max_megapixels: float) -> VideoFrame:
    """Decode the first frame of a clip.

    Raises:
        ValueError: if there is none, or if its frames are larger than allowed.
    """
    with open_container(file, max_megapixels) as container:
        stream = video_stream(file, container)
        decoder = decoder_of(file, stream, max_megapixels)
        for packet in container.demux(stream):
            for frame in decoder.decode(packet):
                return frame
    raise ValueError(f"{file} has a video stream without frames; expected at least one")
