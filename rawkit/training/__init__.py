"""Training: batches, the loop with its checkpoints, and the suite's own run.

`loop` trains, on what `batches` gives, for a loss of `losses`, with `optimizer`'s Adam;
`checkpoint` keeps its state, `fingerprint` tells one run from another, and `stopping` lets a step
end first.  `release` is the training that made the suite's weights.
"""

from .. import nn  # isort: split  # starts MegEngine, before the rest asks for it
from .batches import PairBatches, SyntheticBatches
from .loop import History, TrainingDiverged, train, write_log
from .losses import l1_loss, score_loss
from .optimizer import cosine_decay, linear_decay
from .stopping import TrainingStopped
