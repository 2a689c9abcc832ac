"""Networks for tests, whose curve maps differ from pixel to pixel."""

from __future__ import annotations

import numpy as np

from zero_dce.weights import Weights, parameter_shapes


def make_weights(network: str = "zero_dce", seed: int = 0) -> Weights:
    """Random weights of a size that keeps all layers alive; untrained ones give nearly constant maps."""
    generator = np.random.default_rng(seed)
    state = {}
    for name, shape in parameter_shapes(network).items():
        fan_in = np.prod(shape[1:]) if len(shape) > 1 else 1
        # Twice for the half that ReLU takes; nothing follows a depthwise convolution.
        gain = 1.0 if "depth_conv" in name else 2.0
        # Trained networks stay away from the ends of tanh: eight steep curves would magnify the last digit.
        gain /= 16 if "conv7" in name else 1
        scale = (gain / fan_in) ** 0.5 if len(shape) > 1 else 0.1
        state[name] = generator.normal(0, scale, shape).astype(np.float32)
    return Weights(network, state)
