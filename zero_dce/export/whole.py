"""What ``zero_dce.enhance`` does with a whole picture, as one ONNX graph for any size."""

from __future__ import annotations

from zero_dce.enhance.graph.programs import estimate_curves, expose_by, iterate_curve, separate_maps
from zero_dce.enhance.graph.values import GraphValue
from zero_dce.enhance.metering import LONGEST_COPY, PLACES_COPY
from zero_dce.export.finish import Finish
from zero_dce.export.sizes import SizedGraph
from zero_dce.exposure.dodging import cell_stops
from zero_dce.exposure.response import expose
from zero_dce.exposure.search import ev_of_sample
from zero_dce.exposure.setting import auto_stops
from zero_dce.images.denoise import REACH, denoise


def finish_picture(graph: SizedGraph, image: GraphValue, enhanced: GraphValue, finish: Finish) -> GraphValue:
    """Expose and smooth an enhanced picture.

    Args:
        graph: to which nodes are added.
        image: B x 3 x H x W, range [0, 1].
        enhanced: the same, as the network enhances it.
        finish: what is to be done.
    """
    if finish.exposure == "auto":
        enhanced = expose_by(graph, enhanced, _local(graph, image))
    elif finish.exposure != "off":
        copy = graph.sample(_enhanced(graph, graph.block_means(image, LONGEST_COPY)))
        enhanced = expose(enhanced, ev_of_sample(copy, float(finish.exposure), copy))
    elif finish.stops:
        enhanced = expose(enhanced, finish.stops)
    if finish.denoise:
        enhanced = denoise(graph, graph.pad(image, REACH), graph.pad(enhanced, REACH), finish.denoise)
    return enhanced


def _local(graph: SizedGraph, image: GraphValue) -> GraphValue:
    """Return slope and offset of each pixel, B x 2 x H x W, see :mod:`zero_dce.enhance.metering`."""
    copy, places = (graph.block_means(image, longest) for longest in (LONGEST_COPY, PLACES_COPY))
    bright = _enhanced(graph, copy)
    ev, dodge = auto_stops(graph.sample(copy), graph.sample(bright), graph.cells(bright), graph.around)
    slope, offset = cell_stops(graph.cells(_enhanced(graph, places)), ev, graph.around)
    local = graph.concatenate(dodge * slope, dodge * offset + ev)
    return graph.enlarge(local, image, PLACES_COPY)


def _enhanced(graph: SizedGraph, image: GraphValue) -> GraphValue:
    enhanced: GraphValue = iterate_curve(graph, image, separate_maps(graph, estimate_curves(graph, image)))
    return enhanced
