"""The page itself, in Gradio: its controls, and what each of them does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from zero_dce.app.answers import Answers
from zero_dce.exposure.suited import EXPOSED_MEAN
from zero_dce.images.denoise import MOST_NOISE_LEVELS, levels_for
from zero_dce.images.suffixes import PICTURE_FORMATS, has_reader

TITLE = "Zero-DCE"
STYLE = Path(__file__).with_name("page.css")
# System fonts: others would come from the network. Grey, so that the page's colour does not change the photographs'.
THEME = gr.themes.Base(
    primary_hue="neutral", secondary_hue="neutral", neutral_hue="neutral", font=["system-ui", "sans-serif"]
)
HEADING = f"<h1>Zero-DCE</h1><p>Drop dark photographs: {', '.join(filter(has_reader, PICTURE_FORMATS))}</p>"
# The drop area is large while there is nothing else to see; later, it shows the files' names.
EMPTY_HEIGHT, FILES_HEIGHT = "60vh", "120px"
# One photograph is enhanced at a time, whoever asks.
ONE_AT_A_TIME: dict[str, Any] = {"concurrency_id": "enhance", "concurrency_limit": 1}
# A result is fetched as soon as it is written.
FETCH = """(file) => {
  if (!file) return;
  const link = document.createElement("a");
  link.href = file.url;
  link.download = file.orig_name;
  link.click();
}"""
# Gradio tells that a slider was released by the mouse, but not by a key.
RELEASE_BY_KEY = """<script>
document.addEventListener("keyup", (event) => {
  if (event.target.matches?.("input[type=range]"))
    event.target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
});
</script>"""


@dataclass(frozen=True)
class _Parts:
    """The page's components; ``controls`` are in the order of :meth:`Answers.settings`."""

    files: gr.File
    photograph: gr.Dropdown
    controls: list[Any]
    pictures: gr.ImageSlider
    told: gr.HTML
    save: gr.Button
    save_all: gr.Button
    result: gr.DownloadButton

    @property
    def asked(self) -> list[Any]:
        """Return what an answer depends on."""
        return [self.files, self.photograph, *self.controls]


def make_page(answers: Answers, weights: Sequence[str]) -> gr.Blocks:
    """Return the page.

    Args:
        answers: to its controls.
        weights: the names that the picker offers.
    """
    # Nothing is told to Gradio's makers. What was uploaded is removed after a day, if the server runs so long.
    page = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400))
    with page:
        gr.HTML(HEADING, elem_id="heading")
        with gr.Row():
            with gr.Column(scale=4, elem_id="stage"):
                files = gr.File(file_count="multiple", label="Photographs", height=EMPTY_HEIGHT, elem_id="drop")
                pictures = gr.ImageSlider(
                    show_label=False, interactive=False, visible=False, buttons=["fullscreen"], elem_id="pictures"
                )
                told = gr.HTML(elem_id="told")
            with gr.Column(scale=1, min_width=280, elem_id="controls"):
                photograph = gr.Dropdown([], label="Photograph", visible=False, elem_id="photograph")
                controls = _make_controls(weights)
                save = gr.Button("Download full size", variant="primary", interactive=False, elem_id="save")
                save_all = gr.Button("Download all as ZIP", visible=False, elem_id="save_all")
                result = gr.DownloadButton(visible=False)
        _connect(answers, _Parts(files, photograph, controls, pictures, told, save, save_all, result))
    return page


def _make_controls(weights: Sequence[str]) -> list[Any]:
    names = gr.Dropdown(list(weights), value=weights[0], label="Weights", elem_id="weights")
    mode = gr.Radio([("Fast", "fast"), ("Exact", "exact")], value="fast", label="Mode", elem_id="mode")
    exposure = gr.Radio(
        [("Auto", "auto"), ("Off", "off"), ("Mean", "mean")], value="auto", label="Exposure", elem_id="exposure"
    )
    mean = gr.Slider(0.05, 0.95, EXPOSED_MEAN, step=0.01, label="Mean to reach", visible=False, elem_id="mean")
    strength = gr.Slider(0, 1, 1, step=0.05, label="Strength", elem_id="strength")
    denoise = gr.Slider(
        0, MOST_NOISE_LEVELS, levels_for("auto"), step=0.5, label="Noise, in grey levels", elem_id="denoise"
    )
    return [names, mode, exposure, mean, denoise, strength]


def _connect(answers: Answers, parts: _Parts) -> None:
    names, mode, exposure, mean, denoise, strength = parts.controls
    show, save, save_all = _functions(answers)
    asked: dict[str, Any] = {
        "inputs": parts.asked,
        "outputs": [parts.pictures, parts.told, parts.save],
        "show_progress_on": parts.told,
        **ONE_AT_A_TIME,
    }
    listed = [parts.files, parts.photograph, parts.save_all]
    dropped = parts.files.change(_list_files, parts.files, listed, api_name="drop", queue=False)
    exposed = exposure.input(_follow_exposure, exposure, [mean, denoise], api_visibility="private", queue=False)
    for changed in (dropped, exposed):
        changed.then(show, **asked, api_visibility="private")
    moved = [parts.photograph.select, names.select, mode.input, mean.release, denoise.release, strength.release]
    gr.on(moved, show, **asked, api_name="show", trigger_mode="always_last")
    saved: dict[str, Any] = {"outputs": [parts.result, parts.told], "show_progress_on": parts.told, **ONE_AT_A_TIME}
    for button, function in ((parts.save, save), (parts.save_all, save_all)):
        written = button.click(function, parts.asked, api_name=function.__name__, **saved)
        written.then(None, parts.result, js=FETCH)


def _functions(answers: Answers) -> tuple[Callable[..., Any], ...]:
    """Return what the page does when a control was moved, and for its two buttons."""

    def show(files: list[str] | None, number: int | None, *controls: Any) -> tuple[Any, str, Any]:
        # The last file was taken away, or the one that was looked at.
        if not files or number is None or number >= len(files):
            return gr.update(value=None, visible=False), "", gr.update(interactive=False)
        pair, line = answers.show(Path(files[number]), answers.settings(*controls))
        return gr.update(value=pair, visible=pair is not None), line, gr.update(interactive=pair is not None)

    def save(files: list[str], number: int, *controls: Any) -> tuple[str | None, Any]:
        file, wrong = answers.write_one(Path(files[number]), answers.settings(*controls))
        return file, wrong or gr.skip()

    # Gradio finds its progress bar among the default values.
    def save_all(files: list[str], _: int, *controls: Any, progress: Any = gr.Progress()) -> tuple[str | None, Any]:  # noqa: B008
        def begin(number: int) -> None:
            progress((number, len(files)), desc="enhancing", unit="photographs")

        file, wrong = answers.write_all([Path(name) for name in files], answers.settings(*controls), begin)
        return file, wrong or gr.skip()

    return show, save, save_all


def _list_files(files: list[str] | None) -> tuple[Any, Any, Any]:
    """Show the names of several photographs to choose from."""
    names = [(Path(file).name, number) for number, file in enumerate(files or [])]
    several = len(names) > 1
    return (
        gr.update(height=FILES_HEIGHT if names else EMPTY_HEIGHT),
        gr.update(choices=names, value=0 if names else None, visible=several),
        gr.update(visible=several),
    )


def _follow_exposure(exposure: str) -> tuple[Any, Any]:
    """Show the mean where there is one, and set the noise as the command does without ``--denoise``."""
    return gr.update(visible=exposure == "mean"), levels_for(exposure)
