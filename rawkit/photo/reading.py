"""Reading raw files: DNG by its own tags, every other kind by LibRaw."""

import re
from pathlib import Path

import numpy as np

from . import tags
from .frame import PHASES, Photo

try:
    import rawpy
except ImportError:  # optional: uncompressed DNG works without it
    rawpy = None

# how raw files and JPEG begin; the competition's patch files have no header
_MAGIC = re.compile(
    rb"II[\x2a\x55]\x00|MM\x00\x2a|II\x1a\x00\x00\x00HEAP|IIR[OS]|MMOR|FUJIFILMCCD|\x00MRM|FOVb"
    rb"|....ftypcrx|\xff\xd8\xff",
    re.DOTALL,
)
# of raw files; what such a file holds is decided by its content
ENDINGS = (".dng", ".nef", ".cr2", ".cr3", ".arw", ".raf", ".rw2", ".orf", ".pef")
EXPECTED = "expected a raw file with a Bayer mosaic"
INSTALL = "rawpy reads it: pip install rawpy"


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
        raise FileNotFoundError(
            "%s: found %s, %s" % (path, "a folder" if path.is_dir() else "no file", EXPECTED)
        )
    try:
        return open(str(path), "rb")
    except OSError as error:
        raise OSError(
            "%s: found a file that cannot be read (%s), expected a readable one"
            % (path, error.strerror)
        ) from None


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
        JPEG), a damaged file, one without a colour matrix, or if rawpy is needed.
    """
    path = Path(path)
    with _open(path) as file:
        if file.read(3) == b"\xff\xd8\xff":
            raise ValueError("%s: found a JPEG, %s" % (path, EXPECTED))
    try:
        photo = _read(path)
        _check(path, photo)
    except OSError:
        raise
    except Exception as error:  # over a damaged file tifffile stumbles in any way there is
        if isinstance(error, ValueError) and str(error).startswith(str(path)):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            "%s: found a file that is damaged (%s), %s" % (path, reason, EXPECTED)
        ) from None
    return photo


def _read(path):
    with tags.open_tiff(path) as tiff:
        first = None if tiff is None else tiff.pages[0]
        if first is not None and tags.DNG_VERSION in first.tags:
            return _read_dng(path, tiff, first)
        return _read_other(path, first)


def _check(path, photo):
    top, left, bottom, right = photo.active
    height, width = photo.mosaic.shape
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        raise ValueError(
            "%s: found an active area %s outside of %d x %d pixels"
            % (path, photo.active, height, width)
        )
    if not 0 <= photo.black_level.max() < photo.white_level <= 65535:
        raise ValueError(
            "%s: found black levels up to %g and a white level of %g, expected black below white"
            % (path, photo.black_level.max(), photo.white_level)
        )
    if not np.any(photo.color_matrix):
        raise ValueError("%s: found no colour matrix, expected the camera's" % path)


# -- DNG


def _read_dng(path, tiff, first):
    raw = _raw_page(path, tiff)
    mosaic = _dng_mosaic(path, tiff, raw)
    height, width = mosaic.shape
    active = tags.tag_value(raw, tags.ACTIVE_AREA) or (0, 0, height, width)
    top, left, bottom, right = (int(x) for x in active)
    rows, columns = (int(x) for x in tags.tag_value(raw, tags.BLACK_DIM) or (1, 1))
    black = tags.tag_numbers(raw, tags.BLACK) or [0.0]
    if rows > 2 or columns > 2 or len(black) != rows * columns:
        raise ValueError(
            "%s: found %d black levels for %d x %d pixels, expected at most 2 x 2"
            % (path, len(black), rows, columns)
        )
    black = np.tile(np.reshape(black, (rows, columns)), (2 // rows, 2 // columns))
    deltas = []
    for code, size in ((tags.BLACK_V, bottom - top), (tags.BLACK_H, right - left)):
        found = tags.tag_numbers(raw, code)
        deltas.append(np.array(found) if len(found) == size else np.zeros(size))
    bits = int(tags.tag_value(raw, 258, 16))
    white = (tags.tag_numbers(raw, tags.WHITE) or [2.0**bits - 1])[0]
    profile = tags.tag_numbers(raw, tags.NOISE_PROFILE)
    profile = profile or tags.tag_numbers(first, tags.NOISE_PROFILE)
    kept, lost = tags.kept_tags((first, raw))
    matrix = tags.tag_numbers(first, tags.COLOR_MATRIX)
    matrix = np.reshape(matrix, (3, 3)) if len(matrix) == 9 else np.zeros((3, 3))
    neutral = tags.tag_numbers(first, tags.AS_SHOT_NEUTRAL)
    if tags.AS_SHOT_XY in first.tags:
        x, y = tags.tag_numbers(first, tags.AS_SHOT_XY)
        neutral = list(matrix @ [x / y, 1, (1 - x - y) / y])
    return Photo(
        mosaic=mosaic,
        active=(top, left, bottom, right),
        phase=_dng_phase(path, raw),
        black_level=black,
        black_deltas=tuple(deltas),
        white_level=white,
        bits=int(white).bit_length(),
        white_balance=_as_shot(neutral),
        color_matrix=matrix,
        orientation=int(tags.tag_value(first, tags.ORIENTATION, 1)),
        make=str(tags.tag_value(first, tags.MAKE, "")).strip(),
        model=str(tags.tag_value(first, tags.MODEL, "")).strip(),
        exif=tags.read_exif(first),
        tags=kept,
        noise_profile=np.reshape(profile, (-1, 2)) if profile else None,
        notes=tuple(lost),
    )


def _raw_page(path, tiff):
    """The page with the mosaic: the largest full-size image in sensor colours."""
    pages = [page for top in tiff.pages for page in [top] + list(top.pages or ())]
    kinds = {int(tags.tag_value(page, tags.PHOTOMETRIC, 1)) for page in pages}
    raws = [page for page in pages if tags.tag_value(page, tags.PHOTOMETRIC) == tags.CFA]
    if not raws:
        found = "a linear (already demosaiced) DNG" if tags.LINEAR_RAW in kinds else "no mosaic"
        raise ValueError("%s: found %s, %s" % (path, found, EXPECTED))
    return max(raws, key=lambda page: page.imagelength * page.imagewidth)


def _dng_phase(path, raw):
    pattern = bytes(tags.tag_value(raw, tags.CFA_PATTERN, b""))
    colors = bytes(tags.tag_value(raw, tags.CFA_COLORS, b"\x00\x01\x02"))
    layout = tags.tag_value(raw, tags.CFA_LAYOUT, 1)
    dim = tuple(tags.tag_value(raw, tags.CFA_DIM, (2, 2)))
    phase = "".join("RGB"[i] if i < 3 else "?" for i in pattern)
    if dim != (2, 2) or phase not in PHASES or sorted(colors) != [0, 1, 2] or layout != 1:
        raise ValueError(
            "%s: found a colour pattern of %d x %d (%s), %s" % ((path,) + dim + (phase, EXPECTED))
        )
    return phase


def _as_shot(neutral):
    """The camera's answer to a neutral surface, green 1; daylight's where unknown."""
    if len(neutral) != 3 or min(neutral) <= 0:
        return np.array([0.5, 1.0, 0.6])
    return np.array(neutral) / neutral[1]


def _dng_mosaic(path, tiff, raw):
    ends = [start + size for start, size in zip(raw.dataoffsets, raw.databytecounts)]
    size = tiff.filehandle.size
    if not ends or max(ends) > size:
        raise ValueError(
            "%s: found %s bytes, expected %s; the file is truncated"
            % (path, format(size, ","), format(max(ends or [0]), ","))
        )
    if int(tags.tag_value(raw, 339, 1)) != 1 or raw.samplesperpixel != 1:
        raise ValueError("%s: found samples that are no whole numbers, %s" % (path, EXPECTED))
    if raw.compression == 1 and raw.bitspersample in (8, 16):
        mosaic = raw.asarray().astype(np.uint16)
        table = tags.tag_value(raw, tags.LINEARIZATION)
        if table is not None:
            table = np.atleast_1d(np.array(table, np.uint16))
            mosaic = table[np.minimum(mosaic, len(table) - 1)]
        return mosaic
    mosaic = _libraw(path, lambda raw: raw.raw_image.copy(), "compressed DNG")
    if mosaic.shape != (raw.imagelength, raw.imagewidth):
        raise ValueError(
            "%s: found %d x %d pixels, expected %d x %d"
            % ((path,) + mosaic.shape + (raw.imagelength, raw.imagewidth))
        )
    return mosaic


# -- every other kind


def _libraw(path, read, kind="raw file of this kind"):
    """What `read` makes of the file opened by LibRaw; its errors in our words."""
    if rawpy is None:
        raise ValueError("%s: found a %s, expected uncompressed DNG; %s" % (path, kind, INSTALL))
    try:
        with rawpy.imread(str(path)) as raw:
            if raw.raw_type != rawpy.RawType.Flat:
                raise ValueError(
                    "%s: found several values a pixel (Foveon, sRAW or linear), %s"
                    % (path, EXPECTED)
                )
            return read(raw)
    except (rawpy.LibRawError, NotImplementedError) as error:
        reason = error.args[0] if error.args else type(error).__name__
        reason = reason.decode() if isinstance(reason, bytes) else reason
        raise ValueError(
            "%s: found a file that LibRaw cannot read (%s), %s" % (path, reason, EXPECTED)
        ) from None


def _read_other(path, first):
    return _libraw(path, lambda raw: _from_libraw(path, raw, first))


def _from_libraw(path, raw, first):
    pattern = raw.raw_pattern
    if pattern is None or pattern.shape != (2, 2) or bytes(raw.color_desc) != b"RGBG":
        shape = "no" if pattern is None else "a %d x %d" % pattern.shape
        raise ValueError(
            "%s: found %s colour pattern (X-Trans, monochrome or other), %s"
            % (path, shape, EXPECTED)
        )
    sizes = raw.sizes
    cell = raw.raw_colors_visible[:2, :2]
    phase = "".join("RGBG"[i] for i in cell.ravel())
    if phase not in PHASES:
        raise ValueError("%s: found the colour pattern %s, %s" % (path, phase, EXPECTED))
    top, left = sizes.top_margin, sizes.left_margin
    gains = raw.camera_whitebalance[:3]
    gains = gains if min(gains) > 0 else raw.daylight_whitebalance[:3]
    white = float(raw.white_level)
    return Photo(
        mosaic=raw.raw_image.copy(),
        active=(top, left, top + sizes.height, left + sizes.width),
        phase=phase,
        black_level=np.array(raw.black_level_per_channel, float)[cell],
        black_deltas=(np.zeros(sizes.height), np.zeros(sizes.width)),
        white_level=white,
        bits=int(white).bit_length(),
        white_balance=_as_shot([1 / x if x > 0 else 0 for x in gains]),
        color_matrix=np.array(raw.rgb_xyz_matrix, float)[:3],
        orientation={3: 3, 5: 8, 6: 6}.get(sizes.flip, 1),  # LibRaw's numbers to TIFF's
        make="" if first is None else str(tags.tag_value(first, tags.MAKE, "")).strip(),
        model="" if first is None else str(tags.tag_value(first, tags.MODEL, "")).strip(),
        exif={} if first is None else tags.read_exif(first),
        tags={},
        noise_profile=None,
        notes=("GPS", "lens", "maker notes"),
    )
