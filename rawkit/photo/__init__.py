"""Your own photograph: a camera's raw file in, a denoised DNG out."""

from .denoising import denoise_photo, measure_photo, mix
from .describing import describe, noise_in_codes
from .developing import choose_exposure, develop
from .dng import check_output, to_srgb, write_dng
from .frame import Photo, active_view, from_rggb, to_rggb
from .reading import is_photo, rawpy, read_photo

__all__ = [
    "Photo",
    "active_view",
    "check_output",
    "choose_exposure",
    "denoise_photo",
    "describe",
    "develop",
    "from_rggb",
    "is_photo",
    "measure_photo",
    "mix",
    "noise_in_codes",
    "rawpy",
    "read_photo",
    "to_rggb",
    "to_srgb",
    "write_dng",
]
