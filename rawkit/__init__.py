"""rawkit: the helpers behind the RAW denoising notebooks.

`import rawkit` needs NumPy alone.  What needs MegEngine or matplotlib is
imported by name: `rawkit.model`, `rawkit.train`, `rawkit.view`, ...
"""

from .bayer import pack_bayer, unpack_bayer
from .binio import find_dataset, open_pairs, open_patches, outputs_folder, write_patches
from .score import megcup_score, normalized_l1, psnr

__version__ = "0.1.0"

__all__ = [
    "find_dataset",
    "megcup_score",
    "normalized_l1",
    "open_pairs",
    "open_patches",
    "outputs_folder",
    "pack_bayer",
    "psnr",
    "unpack_bayer",
    "write_patches",
]
