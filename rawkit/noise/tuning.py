"""The constants of the blind estimate, in one table.

`tests/benchmarks/tune_blind.py` chose and checks them, on scenes of the split "train":
`correction` fits the last line of the table, `constants` tries half to twice of each other
number.  "Flat" below means that this changed the mean error, 8.5 % in the logarithm of the
variance, by less than 0.1 %, so that the value need not be exact.
"""

from collections import namedtuple

Constant = namedtuple("Constant", "name value meaning choice")

TABLE = (
    # the fit of a line to the blocks of a band
    Constant("plane_texture", 0.2, "share of the lower band's texture in the high one", "flat"),
    Constant("mosaic_texture", 0.1, "the same in the mosaic's band", "flat"),
    Constant("prior", 100.0, "blocks that count for the usual share", "flat"),
    Constant("share", (0.02, 0.5), "what a patch may show instead", "flat"),
    Constant("strong", 2.0, "lower band over noise, less 1, that shows texture", "best of 0.75-3"),
    Constant("spread", 0.3, "how unsure a share is, of the texture", "flat"),
    Constant("robust", 1.5, "deviations above the line that halve a weight", "best of 0.7-3"),
    Constant("cut_off", 1.05, "makes up for weights that only cut from above", "best of 0.5-2"),
    Constant("rounds", 6, "of fitting", "4 are 0.4 % worse, 10 no better"),
    Constant("agree", 0.3, "bands further apart (logarithm) are not averaged", "best of 0.07-0.3"),
    # what clipping spoils
    Constant("pile", 0.02, "share of pixels at the darkest value that is a clip", "by sensor"),
    Constant("dark", 0.03, "share of clipped pixels that makes a block half sure", "flat"),
    Constant("full", 0.01, "the same at white, where variance is larger", "flat"),
    Constant("dead", 0.9, "share of clipped pixels above which a block is silent", "edge cases"),
    Constant("beside", 0.01, "how sure a neighbor of a silent block is", "edge cases"),
    Constant("nothing", 3e-4, "less sure than this is silent", "edge cases"),
    Constant("least", 24, "blocks that must speak in a band", "edge cases"),
    # the correction for fine texture all over
    Constant("limits", (-1.2, 0.3), "of the logarithm of the correction", "largest seen"),
    Constant("correction", (-0.31, -0.27), "factors on the two signs of texture", "fitted"),
)
# "by sensor": where a dark tail of 10-bit codes ends.  "edge cases": letterboxes, black and
# white borders, night skies and overexposed frames, as tests/test_noise.py has them.

TUNED = namedtuple("Tuned", [row.name for row in TABLE])(*(row.value for row in TABLE))
