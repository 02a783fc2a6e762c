"""rawkit: the helpers behind the RAW denoising notebooks.

Here stands what all notebooks share; it needs NumPy alone.  The rooms: `rawkit.noise`
measures noise, `rawkit.synth` makes data; `rawkit.conv` holds the layers, `rawkit.nn` the
networks, `rawkit.training` trains them, all three on MegEngine; `rawkit.photo` reads and
writes photographs, `rawkit.view` draws, `rawkit.cli` holds the commands.
"""

import os
import signal
import sys

if sys.argv[0] == "-m":  # a command: a signal ends it quietly also while it starts
    for _number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(_number) != signal.SIG_IGN:
            signal.signal(_number, lambda number, frame: os._exit(128 + number))

try:
    import numpy
except ModuleNotFoundError as error:
    if error.name != "numpy":  # it is there, and broken
        raise
    _told = (
        f"rawkit: found no NumPy for {sys.executable}; in the suite's folder, type "
        ".venv/bin/python instead, which `python3 run.py doctor` sets up"
    )
    if sys.argv[0] == "-m":  # one line, and not where it was raised
        print(_told, file=sys.stderr)
        sys.exit(2)
    raise ImportError(_told) from None

from .bayer import PLANES, pack_bayer, unpack_bayer
from .binio import find_pairs, open_pairs, open_patches, split_pairs, write_patches
from .places import find_dataset, is_full_run, outputs_folder, show_path
from .score import megcup_score, normalized_l1, score_interval

__version__ = "0.2.0"
