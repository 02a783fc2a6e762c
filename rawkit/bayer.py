"""RGGB Bayer mosaics: packing into planes, flips that keep the pattern; the tone curve.

A `bayer` mosaic has red at (even row, even column), green on the two mixed
positions and blue at (odd, odd).  `packed` means four half-size planes in the
order R, Gr, Gb, B.  `to_srgb` is the one tone curve of all pictures, whether of patches
(`rawkit.view.rendering`) or of photographs (`rawkit.photo.developing`).

References
----------
Liu, Wu, Wang, Xu, Zhou, Huang, Wang, Cai, Ding, Fan, Wang: "Learning Raw Image
Denoising with Bayer Pattern Unification and Bayer Preserving Augmentation",
CVPR Workshops 2019 (the idea of flips that keep the pattern).
IEC 61966-2-1:1999 (the sRGB tone curve).
"""

import numpy as np

PLANES = ("R", "Gr", "Gb", "B")
SCALE = 65536.0  # DN: the codes of 16 bits; one unit of what networks see, as in published code
VIEWS = range(8)  # bit 0: mirrored left-right, bit 1: up-down, bit 2: transposed


def _check_even(height, width):
    if height % 2 or width % 2:
        raise ValueError(f"a Bayer mosaic needs even height and width, found {height} x {width}")


def pack_bayer(bayer):
    """Split a mosaic into its four color planes.

    Parameters
    ----------
    bayer : array or MegEngine tensor, shape (..., H, W), any dtype
        RGGB mosaics; H and W even.

    Returns
    -------
    packed : same kind and dtype, shape (..., 4, H/2, W/2)
        Planes R, Gr, Gb, B.  A copy.

    Raises
    ------
    ValueError
        If H or W is odd, or there are fewer than two dimensions.

    Examples
    --------
    >>> pack_bayer(np.array([[1, 2, 1, 2], [3, 4, 3, 4]])).tolist()
    [[[1, 1]], [[2, 2]], [[3, 3]], [[4, 4]]]
    """
    shape = tuple(int(n) for n in bayer.shape)
    if len(shape) < 2:
        raise ValueError(f"a Bayer mosaic has shape (..., H, W), found {shape}")
    lead, (height, width) = shape[:-2], shape[-2:]
    _check_even(height, width)
    n = len(lead)
    cells = bayer.reshape(*lead, height // 2, 2, width // 2, 2)
    planes = cells.transpose(*range(n), n + 1, n + 3, n, n + 2)
    return planes.reshape(*lead, 4, height // 2, width // 2)


def unpack_bayer(packed):
    """Put four color planes back into a mosaic; the inverse of `pack_bayer`.

    Parameters
    ----------
    packed : array or MegEngine tensor, shape (..., 4, h, w), any dtype
        Planes R, Gr, Gb, B.

    Returns
    -------
    bayer : same kind and dtype, shape (..., 2h, 2w)
        A copy.

    Raises
    ------
    ValueError
        If the third dimension from the end is not 4.

    Examples
    --------
    >>> unpack_bayer(np.array([[[1]], [[2]], [[3]], [[4]]])).tolist()
    [[1, 2], [3, 4]]
    """
    shape = tuple(int(n) for n in packed.shape)
    if len(shape) < 3 or shape[-3] != 4:
        raise ValueError(f"packed planes have shape (..., 4, h, w), found {shape}")
    lead, (height, width) = shape[:-3], shape[-2:]
    n = len(lead)
    cells = packed.reshape(*lead, 2, 2, height, width)
    rows = cells.transpose(*range(n), n + 2, n, n + 3, n + 1)
    return rows.reshape(*lead, 2 * height, 2 * width)


def crop_bayer(bayer, top, left, size, view=0):
    """Cut a square crop that is RGGB again, mirrored or transposed on the way.

    Mirroring swaps even and odd positions, so a mirrored axis is cut one pixel
    later: no pixel is invented and colors stay where they were in the scene.

    Parameters
    ----------
    bayer : array, shape (..., H, W), any dtype
    top, left, size : int
        In pixels of the mosaic, all even.
    view : int, 0-7
        Bit 0 mirrors left-right, bit 1 up-down, bit 2 transposes (last).

    Returns
    -------
    crop : array, shape (..., size, size)
        A view into `bayer`, not a copy.

    Raises
    ------
    ValueError
        For odd offsets or size, or a crop that leaves the mosaic (a mirrored
        axis needs one pixel more).

    Examples
    --------
    >>> row = np.arange(6) * np.ones((6, 1), int)
    >>> crop_bayer(row, 0, 2, 2).tolist()
    [[2, 3], [2, 3]]
    >>> crop_bayer(row, 0, 2, 2, view=1).tolist()
    [[4, 3], [4, 3]]
    """
    if top % 2 or left % 2 or size % 2:
        raise ValueError(f"a Bayer crop needs even numbers, found {size} at ({top}, {left})")
    mirror_x, mirror_y, transpose = view & 1, view >> 1 & 1, view >> 2 & 1
    y, x = top + mirror_y, left + mirror_x
    height, width = bayer.shape[-2:]
    if min(top, left) < 0 or size < 2 or y + size > height or x + size > width:
        raise ValueError(f"{size} at ({top}, {left}), view {view}, does not fit {height} x {width}")
    crop = bayer[..., y : y + size, x : x + size]
    crop = crop[..., :: -1 if mirror_y else 1, :: -1 if mirror_x else 1]
    return crop.swapaxes(-1, -2) if transpose else crop


def bayer_view(bayer, view):
    """Mirror or transpose a whole mosaic so that the result is RGGB again.

    A mirrored axis grows by two: one reflected pixel is added at both ends
    before mirroring, which restores the pattern and loses nothing.

    Parameters
    ----------
    bayer : array, shape (..., H, W), any dtype; H and W even
    view : int, 0-7
        Bits as in `crop_bayer`.

    Returns
    -------
    array, shape (..., H or H+2, W or W+2), the two swapped if transposed
        A copy, or a view where nothing had to be added.

    Examples
    --------
    >>> bayer_view(np.array([[1, 2, 3, 4], [5, 6, 7, 8]]), 1).tolist()
    [[3, 4, 3, 2, 1, 2], [7, 8, 7, 6, 5, 6]]
    """
    _check_even(*bayer.shape[-2:])
    mirror_x, mirror_y, transpose = view & 1, view >> 1 & 1, view >> 2 & 1
    if mirror_x or mirror_y:
        keep = [(0, 0)] * (bayer.ndim - 2)
        bayer = np.pad(bayer, keep + [(mirror_y,) * 2, (mirror_x,) * 2], mode="reflect")
        bayer = bayer[..., :: -1 if mirror_y else 1, :: -1 if mirror_x else 1]
    return bayer.swapaxes(-1, -2) if transpose else bayer


def undo_bayer_view(bayer, view):
    """Bring the result of `bayer_view` back: same shape and place as before it.

    Parameters
    ----------
    bayer : array, shape (..., H', W')
        A mosaic in the given view.
    view : int, 0-7

    Returns
    -------
    array, shape (..., H, W); a view, not a copy

    Examples
    --------
    >>> mosaic = np.arange(16).reshape(4, 4)
    >>> all((undo_bayer_view(bayer_view(mosaic, v), v) == mosaic).all() for v in VIEWS)
    True
    """
    mirror_x, mirror_y, transpose = view & 1, view >> 1 & 1, view >> 2 & 1
    if transpose:
        bayer = bayer.swapaxes(-1, -2)
    bayer = bayer[..., :: -1 if mirror_y else 1, :: -1 if mirror_x else 1]
    height, width = bayer.shape[-2:]
    return bayer[..., mirror_y : height - mirror_y, mirror_x : width - mirror_x]


def to_srgb(light):
    """Bend linear light by the tone curve of sRGB, for a display.

    Parameters
    ----------
    light : array, any shape, float, linear, in 0-1

    Returns
    -------
    ndarray, the same shape, uint8
        Clipped and rounded.

    Examples
    --------
    >>> to_srgb(np.array([-1, 0, 0.214, 1, 2])).tolist()
    [0, 0, 127, 255, 255]
    """
    light = np.clip(light, 0, 1)
    bent = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.uint8(np.rint(255 * bent))
