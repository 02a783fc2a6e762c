"""Training: batches, the loop with its checkpoints, and the run that made the suite's weights.

`loop` trains, on what `batches` gives, for a loss of `losses`, with `optimizer`'s Adam;
`checkpoint` keeps its state, and `fingerprint` tells one run from another.
"""

from .. import nn  # isort: split  # starts MegEngine, before the rest asks for it
from .batches import PairBatches, SyntheticBatches
from .fingerprint import run_identity
from .loop import History, TrainingDiverged, train, write_log
from .losses import l1_loss, score_loss
from .optimizer import cosine_decay, linear_decay
