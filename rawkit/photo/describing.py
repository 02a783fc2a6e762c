"""What `rawkit info` says of a raw file: camera, levels, noise, in lines of text."""

import numpy as np

from .banding import LEAST, find_banding
from .clipping import clipped_share, find_clip
from .frame import FULL_SCALE, active_view
from .measuring import MID_GRAY, claimed_ratio, measure_photo, noise_in_codes
from .metadata import exposure

PROFILE_APART = 1.5  # times in deviation; less is within what makers' profiles differ by
FLAT_APART = 1.6  # times in deviation; less may be fine texture
EXPOSURE = {  # Exif's names, and how their numbers are written
    "ISOSpeedRatings": "ISO {:g}".format,
    "ExposureTime": lambda time: f"{time:.3g} s" if time >= 0.3 else f"1/{1 / time:.0f} s",
    "FNumber": "f/{:.3g}".format,
}


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
    bits = int(photo.white_level).bit_length()
    lines = [
        f"camera: {_camera(photo)}",
        f"pixels: {width} x {height} stored, {seen[1]} x {seen[0]} seen from column {left}, "
        f"row {top}; {photo.phase}",
        f"levels: black {black}, white {photo.white_level:g} ({bits} bits)",
        f"clipped: {100 * clipped_share(photo, clip):.2f} % of the pixels",
        f"white balance: red {red:.2f}, green {green:.2f}, blue {blue:.2f}",
    ]
    if np.any(clip.found & (clip.low < photo.white_level)):
        levels = " ".join(f"{c} {x:g}" for c, x in zip(photo.phase, clip.level.ravel()))
        lines.append(f"white level: found in the picture: {levels}")
    if any(np.any(deltas) for deltas in photo.black_deltas):
        lines.append("black level: varies by row or column")
    try:
        rggb, noise = measure_photo(photo)
        lines += _line(photo, noise) + _differences(rggb, noise)
    except ValueError as error:  # too small, black, or clipped all over
        lines.append(f"noise: not measured: {error}")
    return lines + list(photo.notes)


def _camera(photo):
    words = [photo.camera]
    for name, say in EXPOSURE.items():
        value = exposure(photo.metadata, name)
        words.append("" if value is None else say(value))
    return ", ".join(word for word in words if word) or "unknown"


def _line(photo, noise):
    """The noise line, beside what the file says of it."""
    (a, b), span = noise_in_codes(photo, noise.line)
    dark, gray = (span * max(a * light + b, 0) ** 0.5 for light in (0, MID_GRAY))
    lines = [
        f"noise: {dark:.1f} codes in the dark, {gray:.1f} on mid gray "
        f"({100 * MID_GRAY:.0f} % of white)",
        "noise profile, light x from 0 at black to 1 at white:",
        f"  variance = {a:.3g} x + {b:.3g}, measured",
    ]
    if photo.noise_profile is not None:
        a, b = photo.noise_profile.mean(0)
        lines.append(f"  variance = {a:.3g} x + {b:.3g}, in the file")
    ratio = claimed_ratio(photo, noise.line) ** 0.5
    if not 1 / PROFILE_APART < ratio < PROFILE_APART:
        lines.append(f"  which on mid gray is {ratio:.2g} times as strong as what is measured")
    return lines


def _differences(rggb, noise):
    """Where the noise is not that of one line: flat parts, rows, columns, colors, regions."""
    lines, (slope, intercept) = [], noise.line
    if noise.flat > FLAT_APART:
        lines.append(
            f"noise of flat parts is {noise.flat:.1f} times as strong as measured: the camera may "
            "have smoothed it; --strength 2 takes more"
        )
    for name, strength in zip(("rows", "columns"), find_banding(rggb, noise)[1]):
        if strength >= LEAST:
            lines.append(f"banding: {name} differ by {strength:.2f} of the noise")
    if np.ptp(slope) or np.ptp(intercept):
        variance = np.maximum(slope * FULL_SCALE * MID_GRAY + intercept, 1e-9)
        red, blue = np.sqrt(variance[[0, 3]] / variance[1])
        lines.append(f"noise of red {red:.2f} and of blue {blue:.2f} times that of green")
    if noise.factor is not None:
        low, high = np.sqrt(np.quantile(noise.factor, [0.05, 0.95]))
        lines.append(f"noise differs over the frame: {low:.2f} to {high:.2f} times the line")
    return lines
