"""What a step of training is made of: its gradient in parts, and asking the device for nothing in between.

Who reads a value from a GPU waits until the GPU has done all that it was given, and leaves it idle afterwards. So
nothing is read between the steps of :func:`zero_dce.step.reading.is_read`.
"""
