"""The noise of a whole frame: one line for all its tiles, and where it differs from that.

A line is fitted to the frame as a whole.  Then the noise of many small blocks is compared with
it, color by color and region by region.  Red and blue get a line of their own, and regions a
factor, where the difference is clearly larger than its error; the two greens never differ.
"""

from collections import namedtuple

import numpy as np
from scipy.ndimage import median_filter, zoom

from ..bayer import pack_bayer
from ..noise import NoiseLine, estimate_blind
from ..noise.bands import split_bands
from ..noise.blind import LEAST_SIZE
from .clipping import find_clip, flatten
from .frame import FULL_SCALE, levels, to_rggb

CROPS, CROP = 6, 256  # so many down and across, of so many pixels: enough for a per cent
REGIONS, REGION = 8, 192  # the same, for what differs over the frame
MID_GRAY = 0.18  # of the light at which a pixel is full
FLAT = 1.6  # of the high band's variance: more in the low one is texture
LOW = 0.25  # the quantile of blocks that is taken: texture only adds
FEW = 12  # blocks; from fewer nothing is concluded
WHITE_LOW = 0.84  # that quantile over the variance, measured on white noise without texture
COLORS_APART = np.log(1.4)  # of the variance; less is left to the network
REGIONS_APART = np.log(1.6)  # of the variance, least to noisiest tenth of the regions
SURE = 4.0  # standard errors
TRUSTED = 0.35  # of the logarithm of the variance: blocks and line agree


class FrameNoise(namedtuple("FrameNoise", "line factor flat")):
    """The noise of a frame in DN.

    Attributes
    ----------
    line : NoiseLine of arrays, shape (4,)
        Of the planes R, Gr, Gb, B; often four times the same.
    factor : ndarray, shape (rows, columns), or None
        What the variance is multiplied by in each region of an even grid; None: nowhere.
    flat : float
        Deviation of the noise in flat blocks over the line's; near 1 where noise is white.
        Above, a camera has reduced noise or compressed and the line lies too low, or
        nothing is flat.
    """

    def plain(self):
        """The treatment without doubt: one line for all colors, everywhere."""
        line = NoiseLine(*(np.full(4, np.median(x)) for x in self.line))
        return self._replace(line=line, factor=None)

    def scaled(self, variance):
        """The noise as if its variance were so many times as large."""
        return self._replace(line=NoiseLine(*(x * variance for x in self.line)))


def sample_crops(rggb, count=CROPS, size=CROP):
    """Parts spread evenly over a frame; the whole frame where that is less.

    Parameters
    ----------
    rggb : array, shape (H, W), float32, DN; H and W even
    count : int
        How many down, and across.
    size : int
        Their side, pixels.

    Returns
    -------
    ndarray, shape (n, h, w); a copy, or a view of a small frame
    """
    height, width = rggb.shape
    if height * width <= (count * size) ** 2:
        return rggb[None]
    size = min(size, height, width)
    down, across = (
        np.unique(np.linspace(0, (n - size) // 2, count).astype(int)) * 2 for n in rggb.shape
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
    crops = sample_crops(rggb)
    line = estimate_blind(crops.reshape(-1, crops.shape[-1]))
    if not np.isfinite(line).all():
        found = "one value, or clipped all over"
        raise ValueError(f"no noise estimate was possible ({found}), expected a photograph")
    return line


def measure_photo(photo):
    """Measure the noise of a photograph.

    Parameters
    ----------
    photo : Photo

    Returns
    -------
    rggb : ndarray, shape (H, W), float32, DN
        The frame as `to_rggb` gives it; the highest clip that was found is white.
    noise : FrameNoise

    Raises
    ------
    ValueError
        As `estimate_frame`.
    """
    rggb = to_rggb(flatten(photo, find_clip(photo)))
    return rggb, measure_mosaic(rggb)


def measure_mosaic(rggb):
    """As `measure_photo`, of a mosaic in DN."""
    line = NoiseLine(*map(float, estimate_frame(rggb)))
    ratios = _region_ratios(rggb, line)
    known = np.isfinite(ratios).any()
    flat = float(np.exp(np.nanmedian(ratios) / 2)) if known else 1.0
    return FrameNoise(_apart(rggb, line, ratios), _factor(ratios), flat)


def _region_ratios(rggb, line):
    """The logarithm of the noise's variance over the line's, in each region and color.

    Returns
    -------
    ndarray, shape (rows, columns, 3)
        R, G, B; NaN where nothing is flat.
    """
    tops, lefts = (_regions(n) for n in rggb.shape)
    crops = np.stack([rggb[y : y + REGION, x : x + REGION] for y in tops for x in lefts])
    band = split_bands(crops)[0]
    mean, high, low, sure = (x.reshape(len(crops), 4, -1) for x in band)
    flat = (sure > 0.5) & (high > 0) & (low < FLAT * high)
    share = high / _variance(line, mean)
    ratios = np.full((len(crops), 3), np.nan)
    for i, region in enumerate(share):
        for color, planes in enumerate(([0], [1, 2], [3])):
            blocks = region[planes][flat[i, planes]]
            if blocks.size >= FEW:
                ratios[i, color] = np.log(max(np.quantile(blocks, LOW), 1e-6) / WHITE_LOW)
    return ratios.reshape(len(tops), len(lefts), 3)


def _regions(length):
    """Where regions start along a side: each in the middle of its even share."""
    count = int(np.clip(length // REGION, 1, REGIONS))
    middle = (np.arange(count) + 0.5) * length / count
    return (middle - min(REGION, length) / 2).astype(int) // 2 * 2


def _apart(rggb, line, ratios):
    """Lines of the four planes: of red, green, blue their own, where all regions say so."""
    apart = np.zeros(3)
    for color in (0, 2):
        difference = ratios[..., color] - ratios[..., 1]
        difference = difference[np.isfinite(difference)]
        if difference.size >= 4:
            middle = np.median(difference)
            error = 1.25 * _deviation(difference - middle) / difference.size**0.5
            if abs(middle) > max(COLORS_APART, SURE * error):
                apart[color] = middle
    if not apart.any():
        return NoiseLine(*(np.full(4, x) for x in line))
    level = np.nanmedian(ratios, axis=(0, 1))
    overall = np.nanmedian(level)
    red, green, blue = apart + (level[1] - (overall if abs(overall) > TRUSTED else 0.0))
    greens = [x * np.exp(green) for x in line]  # share one line
    planes = _own_line(rggb, 0, line, red), greens, greens, _own_line(rggb, 3, line, blue)
    return NoiseLine(*np.transpose(planes))


def _deviation(x):
    """The standard deviation of values around 0, from their median size."""
    return 1.4826 * np.median(np.abs(x))


def _own_line(rggb, plane, line, ratio):
    """The line of one plane: its own shape, and at its median the level that was found."""
    crops = pack_bayer(sample_crops(rggb))[:, plane]
    tall = crops.reshape(-1, crops.shape[-1])
    tall = tall[: len(tall) // 2 * 2, : tall.shape[1] // 2 * 2]
    middle = float(np.median(tall))
    shape = estimate_blind(tall) if min(tall.shape) >= LEAST_SIZE else line
    if not np.isfinite(shape).all():
        shape = line
    level, own = (_variance(x, middle) for x in (line, shape))
    return [float(x) * level * np.exp(ratio) / own for x in shape]


def _variance(line, mean):
    return np.maximum(line.shot_noise * mean + line.intercept, 1e-6)


def _factor(ratios):
    """The map of factors on the variance, where regions clearly differ, or None.

    What light and gain do to noise they do to all colors; texture and compression do not.
    """
    if min(ratios.shape[:2]) < 2 or not np.isfinite(ratios).any(axis=(0, 1)).all():
        return None
    centered = ratios - np.nanmedian(ratios, axis=(0, 1))
    votes = np.isfinite(centered).sum(2)
    if (votes > 1).mean() < 0.5:
        return None
    level = np.where(votes > 0, np.nansum(centered, 2) / np.maximum(votes, 1), 0.0)
    disagree = (centered - level[..., None])[np.isfinite(centered) & (votes > 1)[..., None]]
    smooth = median_filter(level, 3, mode="nearest")
    spread = np.subtract(*np.quantile(smooth, [0.95, 0.05]))
    if spread < max(REGIONS_APART, SURE * _deviation(disagree)):
        return None
    overall = np.nanmedian(ratios)
    return np.exp(smooth + (overall if abs(overall) < TRUSTED else 0.0))


def factor_at(factor, rggb):
    """The map of factors for each cell of a mosaic: ndarray, shape (H/2, W/2), float32."""
    times = [n // 2 / m for n, m in zip(rggb.shape, factor.shape)]
    return zoom(factor.astype(np.float32), times, order=1, mode="nearest", grid_mode=True)


def noise_in_codes(photo, line):
    """A noise line in the file's own terms.

    Parameters
    ----------
    photo : Photo
    line : NoiseLine, as `measure_photo` gives it

    Returns
    -------
    profile : tuple (a, b)
        As DNG's NoiseProfile: variance = a x + b, x in 0-1 from black to white; the mean
        of all planes.
    span : float, codes from black to white
    """
    offset = levels(photo)[1]
    span = FULL_SCALE - offset
    shot_noise, intercept = (float(np.mean(x)) for x in line)
    b = (intercept + shot_noise * offset) / span**2
    return (shot_noise / span, b), photo.white_level - photo.black_level.mean()


def claimed_ratio(photo, line):
    """The variance on mid gray that a file's own profile claims, over the line's: float.

    1 without a profile; `photo` and `line` as in `noise_in_codes`.
    """
    if photo.noise_profile is None:
        return 1.0
    claimed, measured = photo.noise_profile.mean(0), noise_in_codes(photo, line)[0]
    at_gray = [a * MID_GRAY + b for a, b in (claimed, measured)]
    return at_gray[0] / max(at_gray[1], 1e-12)
