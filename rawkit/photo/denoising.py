"""From a noisy photograph to a denoised one."""

import os

import numpy as np

from ..places import check_output
from .banding import find_banding
from .checking import find_violation
from .clipping import find_clip, find_white, flatten
from .defects import find_defects
from .dng import write_dng
from .frame import CELL, from_rggb, to_rggb
from .measuring import measure_mosaic
from .metadata import mark_denoised
from .reading import read_photo

MOST_STRENGTH = 2.0


def denoise_photo(photo, model, strength=1.0, remove_hot_pixels=False, progress=None):
    """Denoise a whole frame.

    The answer is checked: no mean of a block may move (`find_violation`).  If one does, the
    frame is denoised again: with banding left as it is, where there was any; then also with one
    noise line for all colors and everywhere.  A network that looks twice looks once here: up to
    2 % more error, in half of the network's time.

    Parameters
    ----------
    photo : Photo
    model : a network of `rawkit`, in evaluation mode
    strength : float, 0-2
        1 removes all noise that the network finds and the frame bears (`choose_share`), 0
        leaves the frame untouched; between them noise is mixed back evenly.  Above 1 the
        noise is taken to be so many times as strong as was measured, for cameras that
        smooth it themselves.
    remove_hot_pixels : bool
        By default defects stay: a bright one may be a star.
    progress : function (done, total), optional
        Called after each tile.

    Returns
    -------
    Photo
        With a new mosaic, see `from_rggb`.

    Raises
    ------
    ValueError
        For another strength, a frame below 48 x 48 pixels or of one value, a network
        that answers NaN, or if every answer moves a mean.
    """
    if not 0 <= strength <= MOST_STRENGTH:
        raise ValueError(f"found strength {strength!r}, expected 0 to {MOST_STRENGTH:g}")
    clip = find_clip(photo)
    flat = flatten(photo, clip)
    white, repaired = find_white(flat, clip), to_rggb(flat)
    noise = measure_mosaic(repaired)
    defects, repaired = find_defects(repaired, noise)
    # MegEngine takes seconds to load
    from .risk import choose_share
    from .tiles import denoise_mosaic

    keep, before = defects, photo
    if remove_hot_pixels:
        keep, before = False, from_rggb(flat, repaired)
    treatments = [(noise, repaired), (noise.plain(), repaired)]
    rows, columns = find_banding(repaired, noise)[0]
    if rows.any() or columns.any():
        even = repaired - rows - columns
        treatments.insert(0, (measure_mosaic(even), even))
    for treatment, mosaic in treatments:
        if strength > 1:
            treatment, share = treatment.scaled(strength**2), np.ones(4)
        else:
            share = strength * choose_share(model, flat, mosaic, treatment, white)
        clean = denoise_mosaic(model, mosaic, treatment, white, progress)
        clean -= repaired
        for part, (y, x) in zip(share, CELL):  # the rest of the noise stays in
            clean[y::2, x::2] *= np.float32(part)
        clean += repaired
        answer = from_rggb(photo._replace(white_level=flat.white_level), clean, clip, keep)
        violation = find_violation(before, answer)
        if violation is None:
            metadata = mark_denoised(photo.metadata)
            return photo._replace(mosaic=answer.mosaic, metadata=metadata)
    raise ValueError(f"denoising would move a local mean ({violation}), expected it to stay")


def denoise_file(source, out, model, *, overwrite=False, **options):
    """Read a raw file, denoise it, write a DNG.

    Parameters
    ----------
    source : str or Path
        Is never written to.
    out : str or Path
        A name that ends in .dng; its file times become those of the source.
    model : a network of `rawkit`, in evaluation mode
    overwrite : bool
        Without it, an existing `out` is an error.
    options : strength, remove_hot_pixels, progress
        As in `denoise_photo`.

    Returns
    -------
    Photo
        What was written.

    Raises
    ------
    ValueError, OSError
        As `read_photo`, `denoise_photo` and `write_dng`; then nothing is written.
    """
    check_output(out, source, overwrite, ending=".dng")
    photo = read_photo(source)
    try:
        denoised = denoise_photo(photo, model, **options)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    write_dng(out, denoised, overwrite)
    times = os.stat(str(source))
    os.utime(str(out), ns=(times.st_atime_ns, times.st_mtime_ns))
    return denoised
