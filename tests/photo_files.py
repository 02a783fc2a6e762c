"""Frames and raw files for the tests, made by hand: what a camera might write."""

import struct

import numpy as np
import tifffile

from rawkit.photo import Metadata, Photo, read_photo
from rawkit.photo import tags as t
from rawkit.photo.dng import SRGB_TO_XYZ
from rawkit.synth import scene_rng
from rawkit.synth.optics import blur, camera_colors, to_mosaic

NEUTRAL = np.array([0.5, 1.0, 0.625])
MATRIX = NEUTRAL[:, None] * np.linalg.inv(SRGB_TO_XYZ)  # a camera that sees sRGB
EXIF = {
    "Exif.Image.Make": "Maker",
    "Exif.Image.Model": "One",
    "Exif.Photo.ISOSpeedRatings": "800",
    "Exif.Photo.ExposureTime": "1/50",
    "Exif.Photo.FNumber": "28/10",
    "Exif.Photo.DateTimeOriginal": "2026:01:02 03:04:05",
}


def make_photo(mosaic, phase="RGGB", active=None, black=512, white=16383, **fields):
    """A frame with the given mosaic and plausible everything else."""
    height, width = mosaic.shape
    active = active or (0, 0, height, width)
    black = np.broadcast_to(np.asarray(black, float), (2, 2)).copy()
    defaults = {
        "mosaic": mosaic,
        "active": active,
        "phase": phase,
        "black_level": black,
        "black_deltas": (np.zeros(active[2] - active[0]), np.zeros(active[3] - active[1])),
        "white_level": float(white),
        "white_balance": NEUTRAL,
        "color_matrix": MATRIX,
        "orientation": 1,
        "camera": "Maker One",
        "metadata": Metadata(EXIF, {}, ""),
        "tags": {},
        "noise_profile": None,
        "notes": (),
    }
    return Photo(**dict(defaults, **fields))


def color_mosaic(scene):
    """A scene through a phone's optics as a clean mosaic, 0-1, as bright as an evening.

    Parameters
    ----------
    scene : callable
        From a random generator and nothing else to linear light, (H, W, 3).
    """
    rng = scene_rng("test", 31, 4)
    light = camera_colors(rng, blur(scene(rng), 0.8))
    mosaic = to_mosaic(light, 1.7, 1.4)
    return mosaic * np.float32(0.1 / mosaic.mean())


def write_tiff(path, mosaic, photometric=t.CFA, *changes, **options):
    """A plain DNG of another writer's, of phase RGGB; changes: (code, tag), None leaves it out."""
    tags = {
        33421: (3, 2, (2, 2)),
        33422: (1, 4, bytes([0, 1, 1, 2])),
        t.DNG_VERSION: (1, 4, bytes([1, 4, 0, 0])),
        t.WHITE: (4, 1, 4000),
        t.COLOR_MATRIX: (10, 9, (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1)),
    }
    tags.update(dict(changes))
    entries = [(code,) + tag + (True,) for code, tag in tags.items() if tag]
    tifffile.imwrite(str(path), mosaic, photometric=photometric, extratags=entries, **options)


def lossless_jpeg(mosaic):
    """Encode as lossless JPEG (predictor 1), which most cameras' DNG files hold.

    Every difference's number of bits is coded with five bits: the plainest table.
    """
    rows = mosaic.astype(np.int64)
    left = np.empty_like(rows)
    left[:, 1:] = rows[:, :-1]
    left[1:, 0] = rows[:-1, 0]  # a row begins from the one above
    left[0, 0] = 1 << 15
    bits = []
    for value in ((rows - left + 32768) % 65536 - 32768).ravel().tolist():
        length = 16 if value == -32768 else abs(value).bit_length()
        bits.append(format(length, "05b"))
        if 0 < length < 16:
            bits.append(format(value if value > 0 else value + (1 << length) - 1, "0%db" % length))
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")
    height, width = mosaic.shape
    table = struct.pack(">BHB16B17B", 0xC4, 2 + 17 + 17, 0, *[0] * 4, 17, *[0] * 11, *range(17))
    frame = struct.pack(">BHBHHB3B", 0xC3, 11, 16, height, width, 1, 0, 0x11, 0)
    scan = struct.pack(">BHB2B3B", 0xDA, 8, 1, 0, 0, 1, 0, 0)
    return (
        b"\xff\xd8" + b"".join(b"\xff" + part for part in (frame, table, scan)) + data + b"\xff\xd9"
    )


def compress(path):
    """Store the mosaic of a DNG of ours as lossless JPEG: LibRaw must read it then."""
    photo = read_photo(path)
    jpeg = lossless_jpeg(photo.mosaic)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(str(path)) as tiff:
        tag = tiff.pages[0].pages[0].tags
        places = [tag[code].valueoffset for code in (259, 273, 279)]
    at = len(data)
    for place, value, size in zip(places, (7, at, len(jpeg)), (2, 4, 4)):
        data[place : place + size] = value.to_bytes(size, "little")
    path.write_bytes(bytes(data) + jpeg)
