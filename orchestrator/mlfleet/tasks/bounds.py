"""Lower bounds of work, in FLOP: what any algorithm that a task admits must compute. Too low is safe, too high is not.

A product of matrices may be had for less than its definition, by Strassen's method (7/8 a level, and nobody gains from
more than a few levels), or by leaving out what a ReLU made zero. A convolution may be had by Winograd's: F(4x4, 5x5)
multiplies 64 times where the definition does 400, and of a pooled map's gradient three of four are zero.
"""

from math import prod

# By how much less than the definition a product of matrices may compute.
PRODUCT_SAVING = 2.0
# The same for a convolution.
CONVOLUTION_SAVING = 8.0


def product(rows: float, inner: float, columns: float) -> float:
    """FLOP of [rows, inner] times [inner, columns]: a multiplication and an addition each, less what may be saved."""
    return 2 * rows * inner * columns / PRODUCT_SAVING


def convolution(positions: float, kernels: tuple[int, ...]) -> float:
    """FLOP of kernels [out, in, ...] at so many places."""
    return 2 * positions * prod(kernels) / CONVOLUTION_SAVING


def transformer(tokens: float, layers: int, width: int) -> float:
    """FLOP of the products with weights in so many layers: 4 for attention, 8 for the perceptron, each width squared.

    Attention between tokens, norms and activations are left out.
    """
    return layers * product(tokens, width, 12 * width)
