"""Networks, on MegEngine: their layers and weights, training and prediction.

`networks` holds the two that come with the suite, `training` the loop, `prediction` the
way from patches to patches, `conv/` the layers that are fast on a CPU.
"""

from . import device  # isort: split  # MegEngine starts here, before the rest asks for it
from .batches import PairBatches, SyntheticBatches
from .device import on_gpu
from .evaluation import (
    has_test_gt,
    open_scoring_pairs,
    score_held_out,
    score_networks,
    score_table,
)
from .identity import run_identity
from .losses import l1_loss, score_loss
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
from .optimizer import cosine_decay, linear_decay
from .prediction import denoise, denoise_batches, predict, to_uint16
from .setup import describe_setup
from .training import History, TrainingDiverged, train, write_log
from .weights import SHIPPED, SHIPPED_BASELINE, find_weights, load_model, save_model
