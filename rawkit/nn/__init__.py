"""Networks, on MegEngine: their layers and weights, prediction and scores.

`networks` holds those that come with the suite, `stabilized` the base class of those that measure
their noise, `prediction` denoises patches, `weights` loads and saves (in files of `tensor_files`),
`evaluation` scores, `machine` describes what computes.
"""

from ..conv.device import on_gpu  # isort: split  # MegEngine starts here, before the rest needs it
from .evaluation import has_test_gt, open_scoring_pairs, tabulate_scores
from .machine import describe_setup
from .networks import NETWORKS, PARAMETER_BUDGET, Baseline, BlindUNet, count_parameters, measure
from .prediction import denoise, denoise_batches, predict, to_uint16
from .stabilized import Stabilized
from .tensor_files import sha256
from .weights import SHIPPED, SHIPPED_BASELINE, find_weights, import_network, load_model, save_model
