"""The exposure of a picture: so many stops more or less, through a camera's response, bring it to a brightness.

The networks see 15 x 15 pixels around each one, so they cannot know how bright the whole picture is: a checkpoint that
brightens dark pictures well washes bright ones out. What they do know is what each place needs beside the others. So
the exposure is found for each enhanced picture, by bisection, and the network decides the rest.

:mod:`~zero_dce.exposure.response` is what an exposure does, :mod:`~zero_dce.exposure.search` finds the one that reaches
a mean, :mod:`~zero_dce.exposure.suited` says which mean suits a picture, :mod:`~zero_dce.exposure.dodging` gives dark
places more than others, and :mod:`~zero_dce.exposure.setting` is what users set.

All functions take tensors of PyTorch or arrays of NumPy, and return what they were given.
"""
