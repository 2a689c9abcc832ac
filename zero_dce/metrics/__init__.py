"""Measures of pictures, with and without reference.

Each measure is a function of batches, B x 3 x H x W in [0, 1], that returns one value per picture: NaN where there is
none. :mod:`zero_dce.metrics.means` averages such functions over a data set, and :mod:`zero_dce.metrics.pareto` compares
runs by several of them.
"""
