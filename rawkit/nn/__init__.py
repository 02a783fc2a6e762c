"""Networks, on MegEngine: their layers and weights, prediction and scores.

`networks` holds the two that come with the suite, `prediction` the way from patches to
patches, `weights` their files, `evaluation` the way to a score.
"""

from ..conv.device import on_gpu  # isort: split  # MegEngine starts here, before the rest needs it
from .evaluation import (
    has_test_gt,
    open_scoring_pairs,
    score_held_out,
    score_networks,
    score_table,
)
from .machine import describe_setup
from .networks import (
    NETWORKS,
    PARAMETER_BUDGET,
    Baseline,
    BlindUNet,
    Stabilised,
    count_parameters,
    measure,
    register,
)
from .prediction import denoise, denoise_batches, predict, to_uint16
from .weights import SHIPPED, SHIPPED_BASELINE, find_weights, load_model, save_model
