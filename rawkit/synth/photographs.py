"""Clean linear scenes from photographs, brought back to linear light.

References
----------
Brooks, Mildenhall, Xue, Chen, Sharlet, Barron: "Unprocessing images for learned
raw denoising", CVPR 2019 (the tone curve undone).
"""

import functools
import warnings

import numpy as np
from PIL import Image

from .recipes import log_uniform

MAX_PIXELS = 50e6  # of a photograph: Pillow holds 4 bytes of each, 200 MB
FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")  # no kind that starts other programs
KEPT_PIXELS = 4e6  # smaller photographs stay decoded, up to 16 of them: 256 MB


def usable_photographs(files, size=256, report=print):
    """Choose the photographs that scenes can be cut from; a line for each that is left out.

    Each file is decoded once to see whether it is whole; none is kept in memory.

    Parameters
    ----------
    files : list of Path
    size : int
        A usable photograph is at least this wide and high, after enlarging by at most 1.5.
    report : callable taking a str

    Returns
    -------
    list of Path; may be empty
    """
    usable = []
    for path in files:
        fault = _fault(path, size)
        if fault:
            report(f"{path}: skipped, {fault}")
        else:
            usable.append(path)
    return usable


def _fault(path, size):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                width, height = image.size
                if image.mode not in ("RGB", "L"):
                    return f"found color mode {image.mode}, expected RGB or L"
                if 1.5 * min(width, height) < size:
                    return f"found {width} x {height} pixels, too small"
                if width * height > MAX_PIXELS:
                    return f"found {width} x {height} pixels, too large"
                image.load()
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        return f"not a readable photograph ({type(error).__name__})"
    return None


@functools.lru_cache(maxsize=16)
def _decode(path):
    with Image.open(path, formats=FORMATS) as image:
        return image.convert("RGB")


def photo_scene(rng, photographs, size, scale):
    """Cut a scene from a photograph and bring it back to linear light.

    Parameters
    ----------
    rng : numpy.random.Generator
    photographs : list of Path
        Of `usable_photographs`.
    size : int, pixels
    scale : (low, high)
        Resampling factor, log-uniform; small ones hide the photograph's own
        noise and give fine detail, large ones look like soft optics.

    Returns
    -------
    ndarray, shape (size, size, 3), float32, linear light in 0-1
    """
    photo = _decode(photographs[rng.integers(len(photographs))])
    if photo.width * photo.height > KEPT_PIXELS:
        _decode.cache_clear()
    fits = size / min(photo.size)
    factor = max(log_uniform(rng, *scale), fits)
    side = size / factor
    left, top = (rng.uniform(0, max(n - side, 0)) for n in photo.size)
    box = (left, top, min(left + side, photo.width), min(top + side, photo.height))
    pixels = np.asarray(photo.resize((size, size), Image.BICUBIC, box=box))
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    pixels = np.rot90(pixels, rng.integers(4))
    if rng.random() < 0.3:
        pixels = pixels[..., rng.permutation(3)]
    return np.take(_linear_light(), pixels)


@functools.lru_cache(maxsize=1)
def _linear_light():
    """Linear light of a display's 256 values: tone curve (smoothstep), then gamma, undone."""
    toned = np.arange(256) / 255
    toned = np.maximum(0.5 - np.sin(np.arcsin(1 - 2 * toned) / 3), 0)  # rounding may go below
    return np.power(toned, 2.2).astype(np.float32)
