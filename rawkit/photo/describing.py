"""Saying in words what was found in a raw file."""

import numpy as np

from .banding import LEAST, find_banding
from .clipping import clipped_share, find_clip
from .frame import active_view
from .measuring import MID_GRAY, deviation_in_codes, measure_photo, noise_in_codes
from .metadata import exposure

PROFILE_APART = 1.5  # times in deviation; less is within what makers' profiles differ by
FLAT_APART = 1.6  # times in deviation; less may be fine texture


def describe(photo):
    """Describe a raw file and its noise.

    Parameters
    ----------
    photo : Photo

    Returns
    -------
    list of str, a line each
    """
    height, width = photo.mosaic.shape
    top, left = photo.active[:2]
    seen, clip = active_view(photo).shape, find_clip(photo)
    black = " ".join(f"{b:g}" for b in sorted(set(photo.black_level.ravel())))
    red, green, blue = 1 / photo.white_balance
    lines = [
        f"camera: {_camera(photo)}",
        f"pixels: {width} x {height} stored, {seen[1]} x {seen[0]} seen from column {left}, "
        f"row {top}; {photo.phase}",
        f"levels: black {black}, white {photo.white_level:g} ({photo.bits} bits)",
        f"clipped: {100 * clipped_share(photo, clip):.2f} % of the pixels",
        f"white balance: red {red:.2f}, green {green:.2f}, blue {blue:.2f}",
    ]
    if np.any(clip.found & (clip.low < photo.white_level)):
        levels = " ".join(f"{c} {x:g}" for c, x in zip(photo.phase, clip.level.ravel()))
        lines.append(f"white level: found in the picture: {levels}")
    if np.any(photo.black_deltas[0]) or np.any(photo.black_deltas[1]):
        lines.append("black level: varies by row or column")
    try:
        lines += _noise(photo)
    except ValueError as error:  # too small, black, or clipped all over
        lines.append(f"noise: not measured: {error}")
    return lines + list(photo.notes)


def _camera(photo):
    known = exposure(photo.metadata)
    words = [photo.model if photo.make in photo.model else f"{photo.make} {photo.model}".strip()]
    if "iso" in known:
        words.append(f"ISO {known['iso']:g}")
    if "exposure_time" in known:
        time = known["exposure_time"]
        words.append(f"{time:.3g} s" if time >= 0.3 else f"1/{1 / time:.0f} s")
    if "f_number" in known:
        words.append(f"f/{known['f_number']:.3g}")
    return ", ".join(word for word in words if word) or "unknown"


def _noise(photo):
    rggb, noise = measure_photo(photo)
    a, b = noise_in_codes(photo, noise.line)[0]
    dark, gray = (deviation_in_codes(photo, noise.line, light) for light in (0, MID_GRAY))
    lines = [
        f"noise: {dark:.1f} codes in the dark, {gray:.1f} on mid gray "
        f"({100 * MID_GRAY:.0f} % of white)",
        "noise profile, light x from 0 at black to 1 at white:",
        f"  variance = {a:.3g} x + {b:.3g}, measured",
    ]
    if photo.noise_profile is not None:
        claimed, constant = photo.noise_profile.mean(0)
        lines.append(f"  variance = {claimed:.3g} x + {constant:.3g}, in the file")
        lines += _compare(a * MID_GRAY + b, claimed * MID_GRAY + constant)
    if noise.flat > FLAT_APART:
        lines.append(
            f"noise of flat parts is {noise.flat:.1f} times as strong as measured: the camera may "
            "have smoothed it; --strength 2 takes more"
        )
    for name, strength in zip(("rows", "columns"), find_banding(rggb, noise)[1]):
        if strength >= LEAST:
            lines.append(f"banding: {name} differ by {strength:.2f} of the noise")
    return lines + _differences(photo, noise)


def _compare(measured, claimed):
    """A line where the file's profile and the measurement disagree."""
    ratio = (claimed / max(measured, 1e-12)) ** 0.5
    if 1 / PROFILE_APART < ratio < PROFILE_APART:
        return []
    return [f"  which on mid gray is {ratio:.2g} times as strong as what is measured"]


def _differences(photo, noise):
    """Lines on colors and regions whose noise is another's."""
    lines, (slope, intercept) = [], noise.line
    if np.ptp(slope) or np.ptp(intercept):
        level = 65535 * MID_GRAY
        variance = np.maximum(slope * level + intercept, 1e-9)
        red, blue = np.sqrt(variance[[0, 3]] / variance[1])
        lines.append(f"noise of red {red:.2f} and of blue {blue:.2f} times that of green")
    if noise.factor is not None:
        low, high = np.sqrt(np.quantile(noise.factor, [0.05, 0.95]))
        lines.append(f"noise differs over the frame: {low:.2f} to {high:.2f} times the line")
    return lines
