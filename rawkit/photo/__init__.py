"""Your own photograph: a camera's raw file in, a denoised DNG out.

`reading` fills a `frame`; `measuring`, `clipping`, `defects` and `banding` say what is in it;
`denoising` sends it through a network in `tiles`, as far as `risk` allows, and `checking` compares;
`dng`, with `metadata` and `tags`, writes it.  `describing` puts findings in words.
"""

from .checking import find_violation
from .clipping import find_clip
from .denoising import denoise_file, denoise_photo
from .describing import describe
from .developing import choose_exposure, develop
from .dng import write_dng
from .frame import Photo, active_view, from_rggb, to_rggb
from .measuring import FrameNoise, measure_photo, noise_in_codes
from .metadata import Metadata
from .reading import is_photo, read_photo
