"""The constants of the blind estimate (`blind`), in one table.

`tests/benchmarks/tune_blind.py` chose and checks them, on scenes of the split "train":
`correction` fits the last line of the table, `constants` tries half to twice of each other
number.  "Flat" below means that this changed the mean error, 8.5 % in the logarithm of the
variance, by less than 0.1 %, so that the value need not be exact.
"""

from typing import NamedTuple


class Tuned(NamedTuple):
    """The constants, each with what it means; behind the semicolon, how it was chosen."""

    # the fit of a line to the blocks of a band
    plane_texture: float = 0.2  # share of the lower band's texture in the high one; flat
    mosaic_texture: float = 0.1  # the same in the mosaic's band; flat
    prior: float = 100.0  # blocks that count for the usual share; flat
    share: tuple = (0.02, 0.5)  # what a patch may show instead; flat
    strong: float = 2.0  # lower band over noise, less 1, that shows texture; best of 0.75-3
    spread: float = 0.3  # how unsure a share is, of the texture; flat
    robust: float = 1.5  # deviations above the line that halve a weight; best of 0.7-3
    cut_off: float = 1.05  # makes up for weights that only cut from above; best of 0.5-2
    rounds: int = 6  # of fitting; 4 are 0.4 % worse, 10 no better
    agree: float = 0.3  # bands further apart (logarithm) are not averaged; best of 0.07-0.3
    # what clipping spoils
    pile: float = 0.02  # share of pixels at the darkest value that is a clip; by sensor
    dark: float = 0.03  # share of clipped pixels that makes a block half sure; flat
    full: float = 0.01  # the same at white, where variance is larger; flat
    dead: float = 0.9  # share of clipped pixels above which a block is silent; edge cases
    beside: float = 0.01  # how sure a neighbor of a silent block is; edge cases
    nothing: float = 3e-4  # less sure than this is silent; edge cases
    least: int = 24  # blocks that must speak in a band; edge cases
    # the correction for fine texture all over
    limits: tuple = (-1.2, 0.3)  # of the logarithm of the correction; largest seen
    correction: tuple = (-0.31, -0.27)  # factors on the two signs of texture; fitted


# "by sensor": where a dark tail of 10-bit codes ends.  "edge cases": letterboxes, black and
# white borders, night skies and overexposed frames, as tests/test_noise.py has them.
TUNED = Tuned()
