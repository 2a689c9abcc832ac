"""Enhance photographs of any size: ``python -m zero_dce.enhance INPUT ... --output DIR --weights FILE_OR_DIR``.

INPUT is a file, a folder (with its subfolders) or a pattern such as 'photos/**/*.jpg'. JPEG, PNG, TIFF, WebP, AVIF,
JPEG XL, JPEG 2000, BMP, and HEIC (pip install 'zero-dce-lightning[heif]') keep their format, depth, EXIF, colour
profile, orientation and transparency; what a format cannot keep is named. Camera raw files
(pip install 'zero-dce-lightning[raw]') are developed, and become TIFF of 16 bits, or JPEG by --raw-format.

Video clips (.mp4 .m4v .mov .qt .3gp .3g2 .mkv .webm .ts .mts .m2ts) keep their container, sound, subtitles, frame
times, rotation and colour tags: pip install 'zero-dce-lightning[video]'. A clip that is cut short or damaged fails as a
whole.

In Python, ``zero_dce.enhance(image)`` does the same with an array, a PIL image or a tensor.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zero_dce import __version__
from zero_dce.checks import check_number
from zero_dce.enhance.engine import ENHANCER_MODES, Enhancer
from zero_dce.enhance.inputs import FilePair, find_file_pairs
from zero_dce.enhance.pipeline import FileOutcome, Pipeline
from zero_dce.enhance.results import Extras, clear_unfinished
from zero_dce.enhance.tiles import RECEPTIVE_RADIUS
from zero_dce.enhance.trained import TRAINED
from zero_dce.enhance.video import is_clip
from zero_dce.enhance.video.reel import Reel
from zero_dce.exposure.setting import parse_exposure
from zero_dce.images.formats.files import RAW_RESULTS, result_suffix
from zero_dce.signals import Interrupted, StopSignals
from zero_dce.terminal import errors_as_messages, progress_bar, tell
from zero_dce.weights import path_or_address, read_weights

# The network sees this far beyond each edge of a tile: a smaller tile would be mostly margin.
LEAST_TILE = 2 * RECEPTIVE_RADIUS
BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.1f}/{total} [{elapsed}<{remaining}]"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    # What is half written is removed as the stack unwinds, which the system's own SIGTERM would not let happen.
    with StopSignals() as signals, errors_as_messages(), signals.obeyed():
        sys.exit(_enhance_inputs(options))


def _enhance_inputs(options: argparse.Namespace) -> int:
    """Enhance all inputs, and print the results.

    Returns:
        The exit code: 0 if all went well, 1 if a file failed, 130 after Ctrl-C, 143 after SIGTERM.

    Raises:
        OSError: if an input or the weights do not exist.
        ValueError: if an option or the weights are wrong.
        ModuleNotFoundError: if the backend is not installed.
    """
    check_number("--quality", options.quality, least=1, most=100, whole=True)
    check_number("--max-megapixels", options.max_megapixels, open_=True)
    if options.tile is not None:
        check_number("--tile", options.tile, least=LEAST_TILE, whole=True)
    # Of a picture that exists, --skip-existing makes missing further files, and so the picture too.
    replaces = options.overwrite or options.skip_existing
    extras = Extras(options.compare, options.maps, options.quality, replaces)
    if options.output.exists() and not options.output.is_dir():
        raise NotADirectoryError(f"--output {options.output} is a file; expected a folder")
    found = find_file_pairs(
        options.inputs, options.output, extras.files, lambda suffix: result_suffix(suffix, options.raw_format)
    )
    pairs = found.pairs
    _check_clips([pair for pair in pairs if is_clip(pair.input)], options)
    pairs, present = _leave_out_present(pairs, extras, options)
    for output in {pair.output for pair in found.pairs} - {pair.output for pair in pairs}:
        clear_unfinished(output, extras)
    done = _enhance_all(pairs, extras, options)
    _report(done)
    for line in found.passed_over:
        tell(line, file=sys.stderr)
    for pair in present:
        tell(f"{pair.output} exists already: --overwrite replaces it, --skip-existing leaves it", file=sys.stderr)
    if done.stopped:
        left = f"{len(pairs) - len(done.outcomes)} of {len(pairs)} are left"
        tell(f"stopped: {left}; the same command with --skip-existing goes on", file=sys.stderr)
        return 128 + done.stopped
    return int(bool(present) or any(outcome.error for outcome in done.outcomes))


@dataclass(frozen=True)
class _Done:
    """What became of the files; ``seconds`` and ``how`` describe the pictures only, ``stopped`` is a signal, or 0."""

    outcomes: list[FileOutcome]
    seconds: float
    how: str
    stopped: int


def _enhance_all(pairs: Sequence[FilePair], extras: Extras, options: argparse.Namespace) -> _Done:
    """Enhance pictures, then clips."""
    pictures = [pair for pair in pairs if not is_clip(pair.input)]
    clips = [pair for pair in pairs if is_clip(pair.input)]
    enhancers: list[Enhancer] = []

    def make_enhancer(default_mode: str) -> Enhancer:
        enhancer = Enhancer(
            read_weights(options.weights),
            mode=options.mode or default_mode,
            backend=options.backend,
            precision=options.precision,
            exposure=options.exposure,
            denoise=options.denoise,
            strength=options.strength,
            tile=options.tile,
            factor=options.factor,
        )
        enhancers.append(enhancer)
        return enhancer

    begin, seconds, stopped = time.perf_counter(), 0.0, 0
    with progress_bar(total=len(pairs), desc="enhancing", bar_format=BAR, delay=1) as bar:

        def show(done: float) -> None:
            # Adding differences would not end exactly at the total.
            bar.n = done
            bar.update(0)

        pipeline = Pipeline(pictures, extras, options.max_megapixels, show)
        reel = Reel(
            clips,
            options.smoothing,
            options.max_megapixels,
            extras.overwrite,
            lambda done: show(len(pictures) + done),
        )
        try:
            if pictures:
                pipeline.run(lambda: make_enhancer("exact"))
            seconds = time.perf_counter() - begin
            if clips:
                reel.run(lambda: make_enhancer("fast"))
        except Interrupted as interrupt:
            stopped = interrupt.signal
            seconds = seconds or time.perf_counter() - begin
    how = enhancers[0].describe() if enhancers else ""
    return _Done([*pipeline.outcomes, *reel.outcomes], seconds, how, stopped)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m zero_dce.enhance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"zero_dce {__version__}")
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="files, folders, patterns")
    parser.add_argument("--output", type=_folder, required=True, metavar="DIR", help="a folder; never the input's")
    parser.add_argument(
        "--weights",
        type=path_or_address,
        default=TRAINED,
        metavar="FILE_OR_DIR",
        help="a checkpoint, a .safetensors file, a picked or a run's folder, hf://USER/NAME; default: this package's",
    )
    parser.add_argument(
        "--mode", choices=ENHANCER_MODES, help="fast: curves learned from some tiles; default: exact, for video fast"
    )
    parser.add_argument("--factor", type=int, default=4, metavar="N", help="of fast mode: side of a block; default: 4")
    parser.add_argument(
        "--exposure",
        type=parse_exposure,
        default="auto",
        metavar="auto|off|0.05..0.95",
        help="auto: the brightness that suits each picture (default); off: as the network has it; or the mean to reach",
    )
    parser.add_argument(
        "--denoise",
        type=float,
        metavar="0..8",
        help="noise, in grey levels, that is smoothed where a picture is brightened; default: 1, 0 with --exposure off",
    )
    parser.add_argument("--strength", type=float, default=1.0, metavar="0..1", help="scales the curves; default: 1")
    parser.add_argument(
        "--smoothing",
        type=float,
        metavar="0..1",
        help="of video in fast mode: how much curves are held steady against flicker; default: 0.9",
    )
    parser.add_argument("--compare", action="store_true", help="also NAME_compare: before and after side by side")
    parser.add_argument("--maps", action="store_true", help="also NAME_curves.png: the mean of the curve maps")
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument("--overwrite", action="store_true", help="replace results of an earlier time")
    earlier.add_argument("--skip-existing", action="store_true", help="leave those that are complete, and do the rest")
    parser.add_argument("--quality", type=int, default=95, metavar="N", help="of lossy formats; default: 95")
    parser.add_argument(
        "--raw-format", choices=RAW_RESULTS, default="tiff", help="what raw files become; default: tiff, of 16 bits"
    )
    parser.add_argument("--max-megapixels", type=float, default=500, metavar="N", help="refuse larger; default: 500")
    parser.add_argument("--backend", default="auto", metavar="NAME", help="openvino, onnxruntime, torch; default: auto")
    parser.add_argument("--precision", default="auto", metavar="NAME", help="bfloat16, float32; default: auto")
    parser.add_argument(
        "--tile",
        type=int,
        metavar="N",
        help=f"side of a tile in pixels, at least {LEAST_TILE}; default: what suits the backend",
    )
    return parser


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("is empty, perhaps an unset variable; expected a folder")
    return Path(text)


def _check_clips(clips: Sequence[FilePair], options: argparse.Namespace) -> None:
    """Raise ValueError where an option does not apply to clips, or ``--smoothing`` has nothing to smooth."""
    if options.smoothing is not None:
        check_number("--smoothing", options.smoothing, most=1)
        if options.mode == "exact" and options.smoothing:
            raise ValueError("--smoothing is for --mode fast: in exact mode every frame is enhanced for itself")
        if not clips:
            raise ValueError("--smoothing is for video clips, and there are only pictures: leave it out")
    for name in ("compare", "maps"):
        if clips and getattr(options, name):
            raise ValueError(
                f"--{name} is for pictures, and {clips[0].input} is a video clip: enhance it by itself, and "
                "name pictures in a folder with clips by a pattern, as 'photos/**/*.jpg'"
            )


def _leave_out_present(
    pairs: list[FilePair], extras: Extras, options: argparse.Namespace
) -> tuple[list[FilePair], list[FilePair]]:
    """Return the pairs to enhance, and those that are refused because their results exist."""
    if options.overwrite:
        return pairs, []
    if not options.skip_existing:
        left: list[FilePair] = []
        present: list[FilePair] = []
        for pair in pairs:
            there = any(file.exists() for file in extras.files(pair.output))
            (present if there else left).append(pair)
        return left, present
    left = [pair for pair in pairs if not all(file.is_file() for file in extras.files(pair.output))]
    if len(left) < len(pairs):
        tell(f"{len(pairs) - len(left)} of {len(pairs)} results are there already")
    return left, []


def _report(work: _Done) -> None:
    for outcome in work.outcomes:
        for notice in outcome.notices:
            tell(f"{outcome.pair.input}: {notice}")
    done = [outcome for outcome in work.outcomes if not outcome.error and not is_clip(outcome.pair.input)]
    if done:
        million = sum(outcome.pixels for outcome in done) / 1e6
        count = "1 picture" if len(done) == 1 else f"{len(done)} pictures"
        where = done[0].pair.output if len(done) == 1 else done[0].pair.output.parent
        tell(f"{count}, {million:.1f} megapixels in {work.seconds:.1f} s ({work.how}): {where}")
    for outcome in work.outcomes:
        if outcome.error:
            tell(f"failed: {outcome.error}", file=sys.stderr)


if __name__ == "__main__":
    main()
