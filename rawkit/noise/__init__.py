"""How noisy a patch is: the variance line, measured from pairs or blind, and its transform.

In DN: var = shot_noise * (mean - black_level) + read_noise_var.  A photon moves a
pixel by `shot_noise` DN; `read_noise_var` holds everything that does not grow with light.
"""

from .blind import estimate_blind
from .line import NEAR_WHITE, NoiseLine, line_variance
from .pairs import estimate_pairs
from .transforms import gat, inverse_gat
