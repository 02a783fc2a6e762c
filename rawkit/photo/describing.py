"""Saying in words what was found in a raw file."""

import numpy as np

from .frame import active_view, clip_level
from .noise_line import MID_GREY, deviation_in_codes, measure_photo, noise_in_codes


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
    seen = active_view(photo).shape
    black = sorted(set(photo.black_level.ravel()))
    red, green, blue = 1 / photo.white_balance
    lines = [
        "camera: %s" % (", ".join(_camera(photo)) or "unknown"),
        "pixels: %d x %d stored, %d x %d seen from column %d, row %d; %s"
        % (width, height, seen[1], seen[0], left, top, photo.phase),
        "levels: black %s, white %g (%d bits)"
        % (" ".join("%g" % b for b in black), photo.white_level, photo.bits),
        "clipped: %.2f %% of the pixels" % (100 * np.mean(active_view(photo) >= clip_level(photo))),
        "white balance: red %.2f, green %.2f, blue %.2f" % (red, green, blue),
    ]
    if np.any(photo.black_deltas[0]) or np.any(photo.black_deltas[1]):
        lines.append("black level: varies by row or column")
    try:
        lines += _noise(photo)
    except ValueError as error:  # too small, black, or clipped all over
        lines.append("noise: not measured: %s" % error)
    if photo.notes:
        lines.append("not kept in a denoised copy: %s" % ", ".join(photo.notes))
    return lines


def _camera(photo):
    exif, words = photo.exif, [("%s %s" % (photo.make, photo.model)).strip()]
    if "iso" in exif:
        words.append("ISO %d" % exif["iso"])
    if "exposure_time" in exif:
        time = exif["exposure_time"]
        words.append("%g s" % round(time, 2) if time >= 0.3 else "1/%.0f s" % (1 / time))
    if "f_number" in exif:
        words.append("f/%.3g" % exif["f_number"])
    return [word for word in words if word]


def _noise(photo):
    _, line, gain = measure_photo(photo)
    a, b = noise_in_codes(photo, line)[0]
    dark, grey = (deviation_in_codes(photo, line, light) for light in (0, MID_GREY))
    lines = [
        "noise: %.1f codes in the dark, %.1f on mid grey (%d %% of white)"
        % (dark, grey, round(100 * MID_GREY))
    ]
    lines.append("noise profile, light x from 0 at black to 1 at white:")
    lines.append("  variance = %.3g x + %.3g, measured" % (a, b))
    if photo.noise_profile is not None:
        lines.append("  variance = %.3g x + %.3g, in the file" % tuple(photo.noise_profile.mean(0)))
    if np.any(gain != 1):
        gains = ["%s %.2f" % item for item in zip(photo.phase, gain.ravel())]
        lines.append("gains inside the camera, relative to each other: %s" % ", ".join(gains))
    return lines
