"""The tags of TIFF, EXIF and DNG that matter here, and which of them a copy keeps.

References
----------
Adobe: "Digital Negative (DNG) Specification", version 1.7.1.0, 2023.
ISO 12234-2:2001 (TIFF/EP: exposure tags beside the image's own).
"""

import contextlib
import logging
import re

import tifffile

BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL = 1, 2, 3, 4, 5, 10  # types

SUBFILE_TYPE, PHOTOMETRIC, ORIENTATION, SUB_IFDS = 254, 262, 274, 330
MAKE, MODEL, DATE_TIME, EXIF_IFD, GPS_IFD = 271, 272, 306, 34665, 34853
CFA_DIM, CFA_PATTERN, CFA_COLORS, CFA_LAYOUT = 33421, 33422, 50710, 50711
DNG_VERSION, DNG_BACKWARD, UNIQUE_MODEL = 50706, 50707, 50708
LINEARIZATION, BLACK_DIM, BLACK, BLACK_H, BLACK_V, WHITE = 50712, 50713, 50714, 50715, 50716, 50717
COLOR_MATRIX, AS_SHOT_NEUTRAL, AS_SHOT_XY = 50721, 50728, 50729
ILLUMINANT, ACTIVE_AREA = 50778, 50829
NOISE_PROFILE, PREVIEW_COLORS = 51041, 50970

CFA, LINEAR_RAW = 32803, 34892  # photometric interpretations

# written from the frame itself
OWN = {CFA_DIM, CFA_PATTERN, CFA_COLORS, CFA_LAYOUT, BLACK_DIM, BLACK, BLACK_H, BLACK_V, WHITE}
OWN |= {ACTIVE_AREA, PREVIEW_COLORS}
# no longer true of a denoised frame, or applied: noise, table, digests, statistics
UNTRUE = {NOISE_PROFILE, LINEARIZATION, 50781, 50972, 51111, 52550}
# how the source stored its pixels, and what its preview was
STORAGE = {50966, 50967, 50968, 50969, 50971, 50974, 50975, 51112, 52547, 52553, 52554, 52555}
# blocks that point to places in the source file
LOST = {50740: "private data", 50933: "extra profiles", 50828: "the embedded original file"}
LOST[GPS_IFD] = "GPS"
# base tags that a copy keeps beside those of DNG: description, artist, XMP, copyright
BASE = {270, DATE_TIME, 315, 700, 33432}
# of the raw image rather than of the file: crop, scale, masked areas, opcode lists, gain map
RAW = {50718, 50719, 50720, 50733, 50737, 50738, 50780, 50830, 51008, 51009, 51022, 51125, 52525}

EXIF = {  # name: (number, type, tifffile's name)
    "exposure_time": (33434, RATIONAL, "ExposureTime"),
    "f_number": (33437, RATIONAL, "FNumber"),
    "iso": (34855, SHORT, "ISOSpeedRatings"),
    "date": (36867, ASCII, "DateTimeOriginal"),
    "focal_length": (37386, RATIONAL, "FocalLength"),
}
# TIFF as it stands at the start of most raw files, in Canon's boxes, in Fujifilm's preview
_HEADER = re.compile(rb"(?:\A|CMT1|Exif\x00\x00)(?=II[\x2a\x55RO][\x00ROS]|MM\x00\x2a|MMOR)")
HEAD_BYTES = 1 << 20  # how far into a file that is looked for


@contextlib.contextmanager
def open_tiff(path):
    """Open the TIFF structure of a raw file, wherever it begins.

    Parameters
    ----------
    path : Path

    Yields
    ------
    tifffile.TiffFile, or None if there is none that can be read
    """
    logger = logging.getLogger("tifffile")
    was = logger.level
    logger.setLevel(logging.CRITICAL)  # of a maker's own tags it understands few
    try:
        with open(str(path), "rb") as file:
            found = _HEADER.search(file.read(HEAD_BYTES))
            tiff = None
            if found:
                with contextlib.suppress(tifffile.TiffFileError, ValueError, IndexError, KeyError):
                    file.seek(0)
                    opened = tifffile.TiffFile(file, offset=found.end())
                    if len(opened.pages[0].tags):
                        tiff = opened
            yield tiff
    finally:
        logger.setLevel(was)


def tag_value(page, code, default=None):
    """The value of a tag, or a default."""
    tag = page.tags.get(code)
    return default if tag is None else tag.value


def numbers(value, count=None):
    """A tag's numbers, fractions as (numerator, denominator, ...), as a list of floats.

    Parameters
    ----------
    value : int, float or tuple
    count : int, optional
        How many there should be; twice as many are fractions.
    """
    flat = list(value) if isinstance(value, (tuple, list)) else [value]
    if count is not None and len(flat) == 2 * count:
        return [a / b if b else 0.0 for a, b in zip(flat[::2], flat[1::2])]
    return [float(x) for x in flat]


def tag_numbers(page, code):
    """A tag's numbers as a list of floats; empty if there is no such tag."""
    tag = page.tags.get(code)
    return [] if tag is None else numbers(tag.value, tag.count)


def read_exif(page):
    """What is known of the exposure, from the EXIF block or from the page itself.

    Returns
    -------
    dict, as `Photo.exif`
    """
    block = tag_value(page, EXIF_IFD, {})
    found = {}
    for name, (code, kind, key) in EXIF.items():
        value = block.get(key) if isinstance(block, dict) else None
        value = tag_value(page, code) if value is None else value
        if value is None:
            continue
        if kind == ASCII:
            found[name] = str(value)
        else:
            number = numbers(value, 1 if kind == RATIONAL else None)[0]
            if number > 0:
                found[name] = number if kind == RATIONAL else int(number)
    return found


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
            elif code in BASE or (code >= DNG_VERSION and code not in OWN | UNTRUE | STORAGE):
                value = tag.value
                if isinstance(value, (tuple, list)):
                    value = tuple(value)
                tags[code] = (int(tag.dtype), int(tag.count), value)
    block = tag_value(pages[0], EXIF_IFD, {})
    if isinstance(block, dict):
        known = {name for _, _, name in EXIF.values()} | {"ExifVersion"}
        lost += ["maker notes"] * ("MakerNote" in block)
        lost += ["further EXIF"] * bool(set(block) - known - {"MakerNote"})
    return tags, sorted(set(lost))
