"""From a noisy photograph to a denoised one."""

import numpy as np
from scipy.ndimage import maximum_filter

from .dng import check_output, write_dng
from .frame import CELL, active_view, from_rggb
from .noise_line import measure_photo, noise_in_codes, sample_crops
from .reading import read_photo

HOT = np.float32(8.0)  # deviations of noise above all its neighbours of the same colour
RING = [[1, 1, 1], [1, 0, 1], [1, 1, 1]]  # those neighbours


def denoise_photo(photo, model, strength=1.0, remove_hot_pixels=False, progress=False):
    """Denoise a whole frame.

    Parameters
    ----------
    photo : Photo
    model : a network of `rawkit`, in evaluation mode
    strength : float, 0-1
        1 removes all noise that the network finds, 0 leaves the frame untouched; between
        them noise is mixed back evenly.
    remove_hot_pixels : bool
        By default single bright pixels stay: they may be stars.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    Photo
        With a new mosaic, see `from_rggb`.

    Raises
    ------
    ValueError
        For another strength, a frame below 48 x 48 pixels or of one value, or a network
        that answers NaN.
    """
    if not 0 <= strength <= 1:
        raise ValueError("found strength %r, expected 0 to 1" % (strength,))
    if remove_hot_pixels:
        photo = without_hot_pixels(photo)
    noisy, line, gain = measure_photo(photo)
    from .tiles import denoise_mosaic, frame_level  # MegEngine takes seconds to load

    level = frame_level(sample_crops(noisy), line)
    clean = denoise_mosaic(model, noisy, line, level, progress)
    return from_rggb(photo, mix(noisy, clean, strength), gain)


def mix(noisy, clean, strength):
    """Mix noise back: noisy + strength (clean - noisy); uses the memory of `clean`."""
    clean -= noisy
    clean *= np.float32(strength)
    clean += noisy
    return clean


def without_hot_pixels(photo):
    """Replace pixels far brighter than all eight neighbours of their colour.

    Returns
    -------
    Photo
        With a new mosaic; what was replaced has its brightest neighbour's value.
    """
    _, line, _ = measure_photo(photo)
    (a, b), span = noise_in_codes(photo, line)
    mosaic = photo.mosaic.copy()
    for (y, x), black in zip(CELL, photo.black_level.ravel()):
        plane = active_view(photo, mosaic)[y::2, x::2]
        brightest = maximum_filter(plane, footprint=RING, mode="mirror")
        light = np.maximum(brightest - np.float32(black), 0) / np.float32(span)
        deviation = np.float32(span) * np.sqrt(np.float32(a) * light + np.float32(max(b, 0)))
        np.copyto(plane, brightest, where=plane > brightest + HOT * np.maximum(deviation, 1))
    return photo._replace(mosaic=mosaic)


def denoise_file(source, out, weights=None, strength=1.0, remove_hot_pixels=False, run_code=False):
    """Read a raw file, denoise it, write a DNG; shows a progress bar on stderr.

    Parameters
    ----------
    source : str or Path
        Is never written to.
    out : str or Path
        A name that is free and ends in .dng.
    weights : str or Path, optional
        By default those that come with the suite.
    strength, remove_hot_pixels : as in `denoise_photo`
    run_code : bool
        As in `load_model`.

    Returns
    -------
    Photo
        What was written.

    Raises
    ------
    ValueError, OSError
        As `read_photo`, `load_model`, `denoise_photo` and `write_dng`; then nothing is written.
    """
    check_output(out, source)
    photo = read_photo(source)
    from ..nn import SHIPPED, load_model  # MegEngine takes seconds to load

    model, _ = load_model(weights or SHIPPED, run_code=run_code)
    try:
        denoised = denoise_photo(photo, model, strength, remove_hot_pixels, progress=True)
    except ValueError as error:
        raise ValueError("%s: %s" % (source, error)) from None
    write_dng(out, denoised)
    return denoised
