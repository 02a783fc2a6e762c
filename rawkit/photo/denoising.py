"""From a noisy photograph to a denoised one."""

import numpy as np

from ..bayer import pack_bayer, unpack_bayer
from .dng import check_output, write_dng
from .frame import from_rggb, levels, to_rggb
from .noise_line import estimate_frame, estimate_gains, sample_crops
from .reading import read_photo

HOT = 8.0  # deviations of noise above all its neighbours of the same colour


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
        For another strength, a frame below 48 x 48 pixels, or a network that answers NaN.
    """
    if not 0 <= strength <= 1:
        raise ValueError("found strength %r, expected 0 to 1" % (strength,))
    noisy, line, gain = measure_photo(photo)
    from .tiles import denoise_mosaic, frame_level  # MegEngine takes seconds to load

    if remove_hot_pixels:
        noisy = without_hot_pixels(noisy, line)
    level = frame_level(sample_crops(noisy), line)
    clean = denoise_mosaic(model, noisy, line, level, progress)
    return from_rggb(photo, mix(noisy, clean, strength), gain)


def measure_photo(photo):
    """Measure the noise of a photograph.

    Returns
    -------
    rggb : ndarray, shape (H, W), float32, DN
        The frame as `to_rggb` gives it, the channels' gains undone.
    line : NoiseLine of shape ()
        Of all channels.
    gain : ndarray, shape (2, 2)
        What was undone; all 1 for most cameras.  Of the active area's cell.
    """
    rggb, black = to_rggb(photo), levels(photo)[1]
    line = estimate_frame(rggb)
    gain = estimate_gains(rggb, line, black)
    if np.any(gain != 1):
        place = divmod(photo.phase.index("R"), 2)
        gain = np.roll(gain, place, (0, 1))  # from the mosaic's cell to the file's
        rggb = to_rggb(photo, gain)
        line = estimate_frame(rggb)
    return rggb, line, gain


def mix(noisy, clean, strength):
    """Mix noise back: noisy + strength (clean - noisy); uses the memory of `clean`."""
    clean -= noisy
    clean *= np.float32(strength)
    clean += noisy
    return clean


def without_hot_pixels(rggb, line):
    """Replace pixels far brighter than all eight neighbours of their colour.

    Parameters
    ----------
    rggb : array, shape (H, W), float32, DN
    line : NoiseLine of shape ()

    Returns
    -------
    ndarray, shape (H, W), float32; a copy.  What was replaced has the largest neighbour's
    value.
    """
    planes = pack_bayer(rggb)
    for plane in planes:
        around = np.pad(plane, 1, mode="reflect")
        height, width = plane.shape
        brightest = np.full_like(plane, -np.inf)
        for y, x in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)):
            np.maximum(brightest, around[y : y + height, x : x + width], out=brightest)
        variance = np.maximum(line.shot_noise * brightest + line.intercept, 1.0)
        hot = plane > brightest + np.float32(HOT) * np.sqrt(variance)
        plane[hot] = brightest[hot]
    return unpack_bayer(planes)


def denoise_file(source, out, weights=None, strength=1.0, remove_hot_pixels=False):
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

    model, _ = load_model(weights or SHIPPED)
    denoised = denoise_photo(photo, model, strength, remove_hot_pixels, progress=True)
    write_dng(out, denoised)
    return denoised
