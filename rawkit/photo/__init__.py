"""Your own photograph: a camera's raw file in, a denoised DNG out."""

from .denoising import denoise_file, denoise_photo, measure_photo, mix
from .describing import describe, noise_in_codes
from .developing import choose_exposure, develop
from .dng import to_srgb, write_dng
from .frame import Photo, active_view, from_rggb, to_rggb
from .reading import is_photo, rawpy, read_photo
