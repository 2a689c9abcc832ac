"""Keeps OpenVINO from reporting each of its imports to its makers over the network; imported before it.

``sys.modules`` keeps it for the whole process: a program that imports this package's graphs finds no
``openvino_telemetry`` afterwards.
"""

import sys

# Where this package of its makers' is missing, OpenVINO has a stub in its place.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # which stands for a missing module
