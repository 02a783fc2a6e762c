"""Reading raw files: the pixels by LibRaw, the levels and colors of a DNG by its own tags."""

import re
from pathlib import Path

import numpy as np
import rawpy

from ..bayer import pack_bayer
from . import tags
from .dng import SRGB_TO_XYZ
from .frame import PHASES, Photo, levels, to_rggb
from .metadata import read_metadata

# how raw files and JPEG begin; the competition's patch files have no header
_MAGIC = re.compile(
    rb"II[\x2a\x55]\x00|MM\x00\x2a|II\x1a\x00\x00\x00HEAP|IIR[OS]|MMOR|FUJIFILMCCD|\x00MRM|FOVb"
    rb"|....ftypcrx|\xff\xd8\xff",
    re.DOTALL,
)
# of raw files; what such a file holds is decided by its content
ENDINGS = (".dng", ".nef", ".cr2", ".cr3", ".arw", ".raf", ".rw2", ".orf", ".pef", ".crw", ".kdc")
EXPECTED = "expected a raw file with a Bayer mosaic"
ORIENTATIONS = (1, 2, 4, 3, 5, 8, 6, 7)  # TIFF's, by LibRaw's numbers: bits mirror and transpose


def is_photo(path):
    """Whether a file begins as raw files (or JPEG) do; decided by content, not by name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it cannot be read.
    """
    with _open(path) as file:
        return bool(_MAGIC.match(file.read(16)))


def _open(path):
    path = Path(path)
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no file"
        raise FileNotFoundError(f"{path}: found {found}, {EXPECTED}")
    return open(str(path), "rb")


def read_photo(path):
    """Read a camera's raw file.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Photo
        Its mosaic a copy in memory; the file is only read.

    Raises
    ------
    FileNotFoundError, OSError
        As `is_photo`.
    ValueError
        For what holds no Bayer mosaic (X-Trans, Foveon, monochrome, linear DNG, sRAW,
        JPEG), or a damaged file.
    """
    try:
        with _open(path) as file:
            if file.read(3) == b"\xff\xd8\xff":
                raise ValueError(f"found a JPEG, {EXPECTED}")
            file.seek(0)
            tiff = tags.open_dng(file)
            page = None if tiff is None else _raw_page(tiff)
            with rawpy.imread(str(path)) as raw:
                photo = _from_libraw(raw)
            if page is not None:
                photo = _with_tags(photo, tiff.pages[0], page)
        return _complete(photo._replace(metadata=read_metadata(path)))
    except OSError:
        raise
    except Exception as error:  # over a damaged file libraries stumble in any way there is
        reason = error.args[0] if error.args else type(error).__name__
        reason = reason.decode() if isinstance(reason, bytes) else str(reason).splitlines()[0]
        if not isinstance(error, ValueError) or EXPECTED not in reason:
            reason = f"found a file that is damaged or of an unknown kind ({reason}), {EXPECTED}"
        raise ValueError(f"{path}: {reason}") from None


def _raw_page(tiff):
    """The page with the mosaic: the largest full-size image in sensor colors."""
    pages = [page for top in tiff.pages for page in [top] + list(top.pages or ())]
    raws = [p for p in pages if p.photometric == tags.CFA and p.sampleformat == 1]
    if not raws:
        raise ValueError(f"found no mosaic (linear, monochrome, or of floats), {EXPECTED}")
    page = max(raws, key=lambda page: page.imagelength * page.imagewidth)
    end = max(map(sum, zip(page.dataoffsets, page.databytecounts)), default=0)
    size = tiff.filehandle.size
    if end > size:
        raise ValueError(f"found {size:,} bytes and not {end:,}: the file is truncated, {EXPECTED}")
    return page


def _from_libraw(raw):
    # of several values a pixel (Foveon, sRAW) there is no pattern
    if np.shape(raw.raw_pattern) != (2, 2) or bytes(raw.color_desc) != b"RGBG":
        kinds = "X-Trans, Foveon, sRAW, monochrome or other"
        raise ValueError(f"found no color pattern of 2 x 2 ({kinds}), {EXPECTED}")
    sizes = raw.sizes
    top, left = sizes.top_margin, sizes.left_margin
    cell = raw.raw_colors[top : top + 2, left : left + 2]
    gains = raw.camera_whitebalance[:3]
    white = float(raw.white_level)
    return Photo(
        mosaic=raw.raw_image.copy(),
        active=(top, left, top + sizes.height, left + sizes.width),
        phase="".join("RGBG"[i] for i in cell.ravel()),
        black_level=np.array(raw.black_level_per_channel, float)[cell],
        black_deltas=(np.zeros(sizes.height), np.zeros(sizes.width)),
        white_level=white,
        white_balance=np.array([1 / g if g > 0 else 0 for g in gains]),
        color_matrix=np.array(raw.rgb_xyz_matrix, float)[:3],
        orientation=ORIENTATIONS[sizes.flip & 7],
    )


def _with_tags(photo, first, page):
    """What a DNG says of itself, more exactly than LibRaw hands it on."""
    height, width = photo.mosaic.shape
    active = page.tags.valueof(tags.ACTIVE_AREA) or (0, 0, height, width)
    top, left, bottom, right = (int(x) for x in active)
    rows, columns = (int(x) for x in page.tags.valueof(tags.BLACK_DIM) or (1, 1))
    black = tags.tag_numbers(tags.BLACK, page) or [0.0]
    if rows > 2 or columns > 2 or len(black) != rows * columns:
        raise ValueError(f"found {len(black)} black levels, {EXPECTED} with at most 2 x 2")
    if page.tags.valueof(tags.CFA_LAYOUT, 1) != 1:
        raise ValueError(f"found a color pattern of shifted rows or columns, {EXPECTED}")
    deltas = []
    for code, size in ((tags.BLACK_V, bottom - top), (tags.BLACK_H, right - left)):
        found = tags.tag_numbers(code, page)
        deltas.append(np.array(found) if len(found) == size else np.zeros(size))
    white = (tags.tag_numbers(tags.WHITE, page) or [2.0**page.bitspersample - 1])[0]
    profile = tags.tag_numbers(tags.NOISE_PROFILE, page, first)
    matrix, balance = (
        tags.tag_numbers(code, first) for code in (tags.COLOR_MATRIX, tags.AS_SHOT_NEUTRAL)
    )
    matrix = np.reshape(matrix if len(matrix) == 9 else np.zeros(9), (3, 3))
    balance = np.array(balance if len(balance) == 3 else np.zeros(3))
    x, y = (tags.tag_numbers(tags.AS_SHOT_XY, first) + [0.0, 0.0])[:2]
    if y > 0:  # given in place of the color
        balance = matrix @ [x / y, 1, (1 - x - y) / y]
    kept, lost = tags.kept_tags((first, page))
    return photo._replace(
        active=(top, left, bottom, right),
        phase="".join("RGB"[i] for i in bytes(page.tags.valueof(tags.CFA_PATTERN, b""))),
        black_level=np.tile(np.reshape(black, (rows, columns)), (2 // rows, 2 // columns)),
        black_deltas=tuple(deltas),
        white_level=white,
        white_balance=balance,
        color_matrix=matrix,
        tags=kept,
        noise_profile=np.reshape(profile, (-1, 2)) if profile else None,
        notes=tuple(f"not kept in a copy: {name}" for name in lost),
    )


def _complete(photo):
    """Check what was read, and stand in for colors that a file does not tell: zeros so far."""
    if photo.phase not in PHASES:
        raise ValueError(f"found the color pattern {photo.phase}, {EXPECTED}")
    top, left, bottom, right = photo.active
    height, width = photo.mosaic.shape
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        found = f"an active area {photo.active} outside of {height} x {width} pixels"
        raise ValueError(f"found {found}, {EXPECTED}")
    black, white = photo.black_level.max(), photo.white_level
    if not 0 <= black < white <= 65535:
        found = f"black levels up to {black:g} and a white level of {white:g}"
        raise ValueError(f"found {found}, {EXPECTED} whose black is below white")
    notes, balance, matrix = photo.notes, photo.white_balance, photo.color_matrix
    if not min(balance) > 0:
        red, gr, gb, blue = pack_bayer(to_rggb(photo)).mean((1, 2)) - levels(photo)[1]
        balance = np.maximum([red, (gr + gb) / 2, blue], 1)
        notes += ("no white balance in the file: taken from the picture, as if gray on average",)
    balance = balance / balance[1]
    if not np.any(matrix):
        # a camera whose colors are those of a screen, as raw converters take it
        matrix = balance[:, None] * np.linalg.inv(SRGB_TO_XYZ)
        notes += ("no color matrix in the file: colors are approximate",)
    exif = photo.metadata.exif
    make, model = (str(exif.get(f"Exif.Image.{name}", "")).strip() for name in ("Make", "Model"))
    return photo._replace(
        white_balance=balance,
        color_matrix=matrix,
        camera=model if make in model else f"{make} {model}".strip(),
        notes=notes,
    )
