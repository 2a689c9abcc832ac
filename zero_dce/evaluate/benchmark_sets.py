"""The public benchmarks: where their test pictures lie, how many there are, and how they are measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from zero_dce.evaluate.pairing import match_folders
from zero_dce.evaluate.pictures import MeasuredSize, PictureSet, find_images

# A folder of dark pictures, and that of their references; a benchmark may have several such parts.
Folders = tuple[str, str | None]
# Where they are on this computer.
_Part = tuple[Path, Path | None]
PAIRED = ("psnr", "psnr_equal_mean", "ssim")
UNPAIRED = ("niqe", "piqe")


@dataclass(frozen=True)
class Benchmark:
    """A public benchmark.

    Attributes:
        name: as ``--benchmark`` takes it.
        citation: the paper that it comes from.
        protocol: what is measured, in words.
        counts: how many pictures or pairs there are as published; several where there are several versions.
        layouts: where they lie, as paths below a common folder; each is a list of parts.
        measures: what the published tables have, as names in :mod:`zero_dce.evaluate.measure`.
        size: what pictures are resized to, see :data:`zero_dce.evaluate.pictures.MeasuredSize`.
        caution: what a reader of the numbers has to know.
    """

    name: str
    citation: str
    protocol: str
    counts: tuple[int, ...]
    layouts: tuple[tuple[Folders, ...], ...]
    measures: tuple[str, ...] = PAIRED
    size: MeasuredSize = None
    caution: str | None = None

    def check_count(self, found: int) -> str | None:
        """Return a warning if another number of pictures was found than is published."""
        if found in self.counts:
            return None
        published = " or ".join(map(str, self.counts))
        return f"{self.name} has {published} test pictures as published, and {found} were found: results differ"


def _unpaired(name: str, citation: str, *counts: int, caution: str | None = None) -> Benchmark:
    protocol = "all pictures at their size; there are no references"
    return Benchmark(name, citation, protocol, counts, (((name, None),),), UNPAIRED, caution=caution)


BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            "LOL-v1",
            "C. Wei, W. Wang, W. Yang and J. Liu, Deep Retinex decomposition for low-light enhancement, BMVC 2018",
            "the 15 pairs of eval15 at their size, 600 x 400",
            (15,),
            ((("eval15/low", "eval15/high"),), (("LOLv1/Test/input", "LOLv1/Test/target"),)),
        ),
        Benchmark(
            "LOL-v2-real",
            "W. Yang, W. Wang, H. Huang, S. Wang and J. Liu, Sparse gradient regularized deep Retinex network for "
            "robust low-light image enhancement, IEEE TIP 30, 2021",
            "the 100 pairs of Real_captured/Test at their size, 600 x 400",
            (100,),
            ((("Real_captured/Test/Low", "Real_captured/Test/Normal"),),),
            caution="91 of the 100 test pictures are in the training part of LOL-v1 (our485), so weights that were "
            "trained on LOL-v1 have seen them",
        ),
        Benchmark(
            "LSRW",
            "J. Hai, Z. Xuan, R. Yang, Y. Hao, F. Zou, F. Lin and S. Han, R2RNet: low-light image enhancement via "
            "real-low to real-normal network, JVCIR 90, 2023",
            "the 50 pairs of Eval, 30 of Huawei and 20 of Nikon, at their size",
            (50,),
            ((("Eval/Huawei/low", "Eval/Huawei/high"), ("Eval/Nikon/low", "Eval/Nikon/high")),),
            (*PAIRED, "niqe"),
            caution="some outdoor pairs are not aligned to the pixel; its authors recommend measures without reference "
            "for them",
        ),
        Benchmark(
            "SICE-part2",
            "J. Cai, S. Gu and L. Zhang, Learning a deep single image contrast enhancer from multi-exposure images, "
            "IEEE TIP 27(4), 2018; measured as in C. Guo et al., Zero-reference deep curve estimation for low-light "
            "image enhancement, CVPR 2020",
            "the darker half of each scene's frames (3 of 7, 4 of 9) with the scene's label, resized to 1200 x 900",
            (767,),
            ((("Dataset_Part2", "Dataset_Part2/Label"),), (("Part2", "Part2/Label"),)),
            (*PAIRED, "mae_rgb_sum"),
            (1200, 900),
        ),
        _unpaired(
            "DICM", "C. Lee, C. Lee and C.-S. Kim, Contrast enhancement based on layered difference representation, "
            "ICIP 2012", 69, 64, caution="copies with 69 and with 64 pictures are in use (the Zero-DCE paper: 64)",
        ),
        _unpaired(
            "LIME", "X. Guo, Y. Li and H. Ling, LIME: low-light image enhancement via illumination map estimation, "
            "IEEE TIP 26(2), 2017", 10,
        ),
        _unpaired(
            "MEF", "K. Ma, K. Zeng and Z. Wang, Perceptual quality assessment for multi-exposure image fusion, "
            "IEEE TIP 24(11), 2015", 17,
        ),
        _unpaired(
            "NPE", "S. Wang, J. Zheng, H.-M. Hu and B. Li, Naturalness preserved enhancement algorithm for non-uniform "
            "illumination images, IEEE TIP 22(9), 2013", 8, 84,
            caution="copies with 8 and with 84 pictures are in use (the Zero-DCE paper: 84)",
        ),
        _unpaired(
            "VV", "V. Vonikakis, R. Kouskouridas and A. Gasteratos, On the evaluation of illumination compensation "
            "algorithms, Multimedia Tools and Applications 77, 2018", 24,
        ),
    )
}  # fmt: skip
# Where the training parts of the benchmarks lie, whose pictures may be among the test pictures of another.
TRAINING_PARTS = {"LOL-v1": ("our485", "LOLv1/Train"), "LOL-v2-real": ("Real_captured/Train",)}


def find_benchmark(benchmark: Benchmark, root: Path) -> PictureSet:
    """Return a benchmark's test pictures, which lie as published in a folder, or in a folder in that folder.

    Raises:
        FileNotFoundError: if they are not there; the message says what was looked for.
        ValueError: if they are there twice, or cannot be paired.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"the folder {root} of --root does not exist")
    found: dict[Path, list[_Part]] = {}
    for layout in benchmark.layouts:
        for base in _bases(root, layout[0][0]):
            parts = [part for part in (_locate(base, folders) for folders in layout) if part is not None]
            if len(parts) == len(layout):
                found.setdefault(parts[0][0].resolve(), parts)
    # A folder that an archive has doubled is found twice.
    outermost = [folder for folder in found if not any(other in folder.parents for other in found)]
    if not outermost:
        layouts = ["; ".join(" and ".join(filter(None, folders)) for folders in layout) for layout in benchmark.layouts]
        expected = ", or ".join(layouts)
        raise FileNotFoundError(f"{root} does not hold {benchmark.name}: expected {expected}, in it or a folder in it")
    if len(outermost) > 1:
        raise ValueError(
            f"{root} holds {benchmark.name} twice, as {outermost[0]} and {outermost[1]}: give one as --root"
        )
    return _join(found[outermost[0]])


def find_training_parts(benchmark: Benchmark, root: Path) -> dict[str, list[Path]]:
    """Return the folders that hold training parts of other benchmarks, in a folder, by the benchmark's name."""
    found = {}
    for name, paths in TRAINING_PARTS.items():
        folders = [_descend(base, path) for path in paths for base in _bases(root, path)]
        there = [folder for folder in folders if folder is not None]
        if there and name != benchmark.name:
            found[name] = there
    return found


def _bases(root: Path, path: str) -> Iterator[Path]:
    """Yield the folders below which a path of a layout may lie: the root, those in it, or the one that it is in."""
    yield root
    yield from sorted(folder for folder in root.iterdir() if folder.is_dir())
    if root.resolve().name.casefold() == PurePosixPath(path).parts[0].casefold():
        yield root.resolve().parent


def _locate(base: Path, folders: Folders) -> _Part | None:
    low = _descend(base, folders[0])
    high = None if folders[1] is None else _descend(base, folders[1])
    return None if low is None or (folders[1] and high is None) else (low, high)


def _descend(base: Path, path: str) -> Path | None:
    """Return a folder below another, whose name may be in capitals or not; ``None`` where there is none."""
    for name in PurePosixPath(path).parts:
        inside = sorted(folder for folder in base.iterdir() if folder.name.casefold() == name.casefold())
        if not inside or not inside[0].is_dir():
            return None
        base = inside[0]
    return base


def _join(parts: Sequence[_Part]) -> PictureSet:
    """Return the pictures of all parts; where there are several, names begin with that of the part's folder."""
    sets = [find_images(low) if high is None else match_folders(low, high) for low, high in parts]
    if len(sets) == 1:
        return sets[0]
    pairs = []
    for (low, _), pictures in zip(parts, sets, strict=True):
        camera = low.parent.name
        for pair in pictures.pairs:
            pairs.append(replace(pair, name=f"{camera}/{pair.name}", reference_name=f"{camera}/{pair.reference_name}"))
    return PictureSet(pairs, paired_by=sets[0].paired_by)
