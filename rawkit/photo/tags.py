"""The tags of DNG that a raw converter needs to develop the pixels, and which a copy keeps.

References
----------
Adobe: "Digital Negative (DNG) Specification", version 1.7.1.0, 2023.
"""

import contextlib
import logging

import numpy as np
import tifffile

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # of makers' own tags it understands few

BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL = 1, 2, 3, 4, 5, 10  # types

ORIENTATION = 274
CFA_DIM, CFA_PATTERN, CFA_COLORS, CFA_LAYOUT = 33421, 33422, 50710, 50711
DNG_VERSION, DNG_BACKWARD, UNIQUE_MODEL = 50706, 50707, 50708
LINEARIZATION, BLACK_DIM, BLACK, BLACK_H, BLACK_V, WHITE = 50712, 50713, 50714, 50715, 50716, 50717
COLOR_MATRIX, AS_SHOT_NEUTRAL, AS_SHOT_XY = 50721, 50728, 50729
ILLUMINANT, ACTIVE_AREA, LENS_INFO, SERIAL_NUMBER = 50778, 50829, 50736, 50735
NOISE_PROFILE, PREVIEW_COLORS = 51041, 50970

CFA, LINEAR_RAW = 32803, 34892  # photometric interpretations

# written from the frame itself, or with the metadata
OWN = {CFA_DIM, CFA_PATTERN, CFA_COLORS, CFA_LAYOUT, BLACK_DIM, BLACK, BLACK_H, BLACK_V, WHITE}
OWN |= {ACTIVE_AREA, PREVIEW_COLORS, LENS_INFO, SERIAL_NUMBER}
# no longer true of a denoised frame, or applied: noise, table, digests, statistics
UNTRUE = {NOISE_PROFILE, LINEARIZATION, 50781, 50972, 51111, 52550}
# how the source stored its pixels, and what its preview was
STORAGE = {50966, 50967, 50968, 50969, 50971, 50974, 50975, 51112, 52547, 52553, 52554, 52555}
# blocks that point to places in the source file
LOST = {50740: "private data", 50933: "extra profiles", 50828: "the embedded original file"}
# of the raw image rather than of the file: crop, scale, masked areas, opcode lists, gain map
RAW = {50718, 50719, 50720, 50733, 50737, 50738, 50780, 50830, 51008, 51009, 51022, 51125, 52525}


def open_dng(file):
    """Open the TIFF structure of a DNG, a binary file.

    Returns
    -------
    tifffile.TiffFile, or None if the file is no DNG
    """
    with contextlib.suppress(tifffile.TiffFileError, ValueError, IndexError, KeyError):
        tiff = tifffile.TiffFile(file)
        if DNG_VERSION in tiff.pages[0].tags:
            return tiff
    return None


def tag_numbers(code, *pages):
    """A tag's numbers, fractions divided, as a list of floats; of the first page that has it."""
    for tag in (page.tags[code] for page in pages if code in page.tags):
        flat = np.ravel(tag.value).tolist()
        if len(flat) == 2 * tag.count:
            return [a / b if b else 0.0 for a, b in zip(flat[::2], flat[1::2])]
        return [float(x) for x in flat]
    return []


def kept_tags(pages):
    """The tags of a DNG that a denoised copy keeps, and the names of what it cannot.

    Parameters
    ----------
    pages : sequence of tifffile.TiffPage
        The first image of the file and the raw one; may be the same.

    Returns
    -------
    tags : dict of int to (type, count, value)
    lost : list of str
    """
    tags, lost = {}, []
    for page in pages:
        for tag in page.tags.values():
            code = int(tag.code)
            if code in LOST:
                lost.append(LOST[code])
            elif code >= DNG_VERSION and code not in OWN | UNTRUE | STORAGE:
                # tifffile takes text beyond ASCII back as bytes
                text = isinstance(tag.value, str)
                value = tag.value.encode("utf-8", "surrogateescape") + b"\0" if text else tag.value
                tags[code] = (int(tag.dtype), int(tag.count), value)
    return tags, sorted(set(lost))
