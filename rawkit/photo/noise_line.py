"""The noise of a whole frame: one line for all its tiles, and its channels' gains."""

import numpy as np

from ..bayer import pack_bayer
from ..noise import estimate_blind
from .frame import FULL_SCALE, levels, to_rggb

CROPS, CROP = 6, 256  # so many down and across, of so many pixels: enough for a per cent
LEAST = 48  # pixels; what a blind estimate needs
LEAST_GAIN = 400  # pixels; below, the channels' own estimates are too uncertain
MID_GREY = 0.18  # of the light at which a pixel is full
SAME_GAIN = 0.12  # channels whose gains differ by less are alike: 3 % of deviation either way


def sample_crops(rggb):
    """Parts spread evenly over a frame; the whole frame where that is less.

    Parameters
    ----------
    rggb : array, shape (H, W), float32, DN; H and W even

    Returns
    -------
    ndarray, shape (n, h, w); a copy, or a view of a small frame
    """
    height, width = rggb.shape
    if height * width <= (CROPS * CROP) ** 2:
        return rggb[None]
    size = min(CROP, height, width)
    down, across = (
        np.unique(np.linspace(0, (n - size) // 2, CROPS).astype(int)) * 2 for n in rggb.shape
    )
    return np.stack([rggb[y : y + size, x : x + size] for y in down for x in across])


def estimate_frame(rggb):
    """Fit one variance line to a whole frame.

    The parts of `sample_crops` are estimated as one tall mosaic, so that every block of
    the frame has its say in one robust fit.

    Parameters
    ----------
    rggb : array, shape (H, W), float32, DN; H and W even, at least 48

    Returns
    -------
    NoiseLine of shape ()

    Raises
    ------
    ValueError
        If the frame is too small, or tells nothing of its noise.
    """
    if min(rggb.shape) < LEAST:
        raise ValueError(
            "found a frame of %d x %d pixels, expected at least %d" % (rggb.shape + (LEAST,))
        )
    crops = sample_crops(rggb)
    line = estimate_blind(crops.reshape(-1, crops.shape[-1]))
    if not np.isfinite(line).all():
        raise ValueError(
            "found a frame that tells nothing of its noise (one value, or clipped all over), "
            "expected a photograph"
        )
    return line


def estimate_gains(rggb, line, black):
    """Digital gains of the channels, relative to the line of all.

    Some cameras multiply red and blue, or one of the greens, after the noise is in:
    by g, so that a channel's line is  g slope (mean - black) + g**2 read_noise_var.
    Each channel's own noise at its median brightness is solved for g.

    Parameters
    ----------
    rggb : array, shape (H, W), float32, DN
    line : NoiseLine of shape (), of all channels
    black : float, DN

    Returns
    -------
    ndarray, shape (2, 2), of the mosaic's cell; all 1 where none matters
    """
    if min(rggb.shape) < LEAST_GAIN:
        return np.ones((2, 2))
    crops = pack_bayer(sample_crops(rggb)).swapaxes(0, 1)
    planes = crops.reshape(4, -1, crops.shape[-1])
    planes = planes[:, : len(planes[0]) // 2 * 2, : planes.shape[-1] // 2 * 2]
    own = estimate_blind(planes)
    if not np.isfinite(own).all():
        return np.ones((2, 2))
    level = np.median(planes.reshape(4, -1), axis=1)
    variance = np.maximum(own.shot_noise * level + own.intercept, 1.0)
    shot = line.shot_noise * np.maximum(level - black, 0.0)
    dark = max(float(line.intercept + line.shot_noise * black), 0.0)
    # the positive root of dark g^2 + shot g - variance, in the form that dark = 0 allows
    gain = 2 * variance / (shot + np.sqrt(shot**2 + 4 * dark * variance))
    gain /= np.exp(np.mean(np.log(gain)))
    # a channel that clips all over tells nothing
    if np.isnan(gain).any() or np.ptp(gain) < SAME_GAIN:
        return np.ones((2, 2))
    return gain.reshape(2, 2)


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
    if deviation_in_codes(photo, line, MID_GREY) < 1:
        gain[:] = 1  # it says nothing: rounding, or what is left in a denoised copy
    if np.any(gain != 1):
        place = divmod(photo.phase.index("R"), 2)
        gain = np.roll(gain, place, (0, 1))  # from the mosaic's cell to the file's
        rggb = to_rggb(photo, gain)
        line = estimate_frame(rggb)
    return rggb, line, gain


def deviation_in_codes(photo, line, light):
    """The noise's standard deviation, codes, at a light from 0 (black) to 1 (white): float.

    `photo` and `line` as in `noise_in_codes`.
    """
    (a, b), span = noise_in_codes(photo, line)
    return span * max(a * light + b, 0) ** 0.5


def noise_in_codes(photo, line):
    """A noise line in the file's own terms.

    Parameters
    ----------
    photo : Photo
    line : NoiseLine of shape (), as `measure_photo` gives it

    Returns
    -------
    profile : tuple (a, b)
        As DNG's NoiseProfile: variance = a x + b, x in 0-1 from black to white.
    span : float, codes from black to white
    """
    offset = levels(photo)[1]
    span = FULL_SCALE - offset
    b = (line.intercept + line.shot_noise * offset) / span**2
    return (line.shot_noise / span, b), photo.white_level - photo.black_level.mean()
