"""The table of a paper or a report: one row per method, the measures that are published, in Markdown or LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zero_dce.evaluate.measure import Method
from zero_dce.evaluate.table import method_label
from zero_dce.files import write_file

BEST_GAMMA = "gamma best"


@dataclass(frozen=True)
class Column:
    """A measure's column.

    Attributes:
        heading: with the unit.
        digits: behind the point, as papers have them.
        higher_is_better: otherwise, lower is.
        note: what the measure is, where its name does not say it.
    """

    heading: str
    digits: int
    higher_is_better: bool
    note: str | None = None


COLUMNS = {
    "psnr": Column("PSNR (dB)", 2, True),
    "psnr_equal_mean": Column(
        "PSNR (dB) at equal mean",
        2,
        True,
        "PSNR at equal mean: the output is first multiplied by the ratio of its reference's mean luminance to its own, "
        "and cut off at 1 (also known as GT mean). It has then seen the reference: not to be compared with PSNR.",
    ),
    "ssim": Column("SSIM", 3, True, "SSIM: Gaussian window of 11 x 11 pixels, mean over RGB."),
    "lpips": Column("LPIPS", 3, False, "LPIPS: on AlexNet."),
    "dists": Column("DISTS", 3, False),
    "mae_rgb_sum": Column(
        "MAE", 2, False, "MAE: of values from 0 to 255, summed over RGB, as the Zero-DCE paper's numbers must be."
    ),
    "niqe": Column(
        "NIQE, authors' model",
        2,
        False,
        "NIQE: with the model and the grey of the authors' code; not to be compared with numbers of another model, "
        "such as those of MATLAB's own niqe.",
    ),
    "piqe": Column("PIQE", 1, False),
}
GAMMA_NOTE = "Gamma best: the one gamma that is best on these references, which no method knows; never bold."


@dataclass(frozen=True)
class Marks:
    """How a kind of table is written: a bold text, an interval, an arrow, and any text."""

    bold: str
    interval: str
    up: str
    down: str
    escape: Callable[[str], str]


def write_tables(
    files: Sequence[Path], methods: Sequence[Method], measures: Sequence[str], caption: str, notes: Sequence[str]
) -> None:
    """Write the table to each file: as LaTeX where its suffix is .tex, otherwise as Markdown.

    Args:
        files: names ending in .tex or .md.
        methods: one row each.
        measures: names of ``COLUMNS``; those without a value have no column.
        caption: what was measured.
        notes: what is said below the table; what the columns need follows.
    """
    shown = [measure for measure in measures if any(method.known(measure) for method in methods)]
    below = [*notes, *(note for measure in shown if (note := COLUMNS[measure].note))]
    if any(method.name == BEST_GAMMA for method in methods):
        below.append(GAMMA_NOTE)
    below = [_sentence(note) for note in below]
    for file in files:
        form = latex_table if file.suffix == ".tex" else markdown_table
        write_file(file, form(methods, shown, caption, below))


def markdown_table(methods: Sequence[Method], measures: Sequence[str], caption: str, notes: Sequence[str]) -> str:
    """Return a table in Markdown; of each column the best value is bold."""
    header, *rows = _cells(methods, measures, MARKDOWN)
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, ["---", *["---:"] * len(measures)], *rows)]
    return "\n".join([caption, "", *lines, "", *(f"- {note}" for note in notes)]) + "\n"


def latex_table(methods: Sequence[Method], measures: Sequence[str], caption: str, notes: Sequence[str]) -> str:
    """Return a table for LaTeX with the package booktabs; of each column the best value is bold."""
    header, *rows = [" & ".join(cells) + r" \\" for cells in _cells(methods, measures, LATEX)]
    table = [rf"\begin{{tabular}}{{l{'r' * len(measures)}}}", r"\toprule", header, r"\midrule", *rows, r"\bottomrule"]
    inner = [r"\centering", rf"\caption{{{escape_latex(caption)}}}", *table, r"\end{tabular}", r"\par\smallskip"]
    inner.append(rf"\parbox{{\linewidth}}{{\footnotesize {escape_latex(' '.join(notes))}}}")
    return "\n".join([r"% \usepackage{booktabs}", r"\begin{table}", *inner, r"\end{table}"]) + "\n"


def escape_latex(text: str) -> str:
    r"""Return a text as LaTeX writes it.

    >>> escape_latex("a_b & 95 %")
    'a\\_b \\& 95 \\%'
    """
    words = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return re.sub(r"[\\~^&%$#_{}]", lambda found: words.get(found[0], "\\" + found[0]), text)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:].removesuffix(".") + "."


def _cells(methods: Sequence[Method], measures: Sequence[str], marks: Marks) -> list[list[str]]:
    """Return the header and the rows."""
    header = ["Method"]
    for measure in measures:
        arrow = marks.up if COLUMNS[measure].higher_is_better else marks.down
        header.append(f"{COLUMNS[measure].heading} {arrow}")
    rows = []
    best = {measure: _best(methods, measure) for measure in measures}
    for method in methods:
        cells = [_cell(method, measure, best[measure], marks) for measure in measures]
        rows.append([marks.escape(method_label(method)), *cells])
    return [header, *rows]


def _best(methods: Sequence[Method], measure: str) -> str | None:
    """Return the best mean as it is printed, so that equal numbers are all bold."""
    column, means = COLUMNS[measure], []
    for method in methods:
        summary = method.summary(measure)
        if summary is not None and method.name != BEST_GAMMA:
            means.append(summary["mean"])
    return f"{(max if column.higher_is_better else min)(means):.{column.digits}f}" if means else None


def _cell(method: Method, measure: str, best: str | None, marks: Marks) -> str:
    summary, digits = method.summary(measure), COLUMNS[measure].digits
    if summary is None:
        return "-"
    mean, interval = f"{summary['mean']:.{digits}f}", summary["interval"]
    text = marks.bold.format(mean) if mean == best and method.name != BEST_GAMMA else mean
    if interval is None:
        return text
    return text + " " + marks.interval.format(*(f"{end:.{digits}f}" for end in interval))


MARKDOWN = Marks("**{}**", "[{}, {}]", "↑", "↓", lambda text: text.replace("|", r"\|"))
LATEX = Marks(r"\textbf{{{}}}", r"{{\scriptsize [{}, {}]}}", r"$\uparrow$", r"$\downarrow$", escape_latex)
