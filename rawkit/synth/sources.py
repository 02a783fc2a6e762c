"""The one table that says which scene sources train, validate and test.

Everything synthetic in this project asks here, so that no photograph and no
procedural scene of a test set ever trains anything.  `data/` uses `test`.
"""

import zlib
from collections import namedtuple
from pathlib import Path

import numpy as np

SPLITS = ("train", "validation", "test")

# Procedural scenes: a scene's random numbers start from (this, seed, index).
PROCEDURAL_STREAM = {"train": 1, "validation": 2, "test": 3}

# Your own photographs: where one goes, by the last digit of its checksum.
SPLIT_OF_DIGIT = ("test", "validation") + 8 * ("train",)
ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")  # of photographs

Photo = namedtuple("Photo", "package file split license")

# Bundled with scikit-image and scikit-learn; nothing is copied or downloaded.
PHOTOS = (
    Photo("skimage", "astronaut.png", "train", "public domain (NASA)"),
    Photo("skimage", "brick.png", "train", "CC0 (CC0Textures)"),
    Photo("skimage", "coins.png", "train", "no known restrictions (Brooklyn Museum)"),
    Photo("skimage", "grass.png", "train", "CC0 (linolafett)"),
    Photo("skimage", "hubble_deep_field.jpg", "train", "public domain (NASA)"),
    Photo("skimage", "ihc.png", "train", "no known restrictions (CMMI)"),
    Photo("skimage", "motorcycle_left.png", "train", "CC0 (Scharstein et al., Middlebury 2014)"),
    Photo("skimage", "motorcycle_right.png", "train", "CC0 (Scharstein et al., Middlebury 2014)"),
    Photo("skimage", "page.png", "train", "no known restrictions (scikit-image)"),
    Photo("skimage", "retina.jpg", "train", "CC0 (Mikael Haggstrom)"),
    Photo("sklearn", "flower.jpg", "train", "CC BY 2.0 (Flickr user vultilion)"),
    Photo("skimage", "camera.png", "validation", "CC0 (Lav Varshney)"),
    Photo("sklearn", "china.jpg", "validation", "CC BY 2.0 (Flickr user danielbuechele)"),
    Photo("skimage", "gravel.png", "validation", "CC0 (CC0Textures)"),
    Photo("skimage", "chelsea.png", "test", "CC0 (Stefan van der Walt)"),
    Photo("skimage", "coffee.png", "test", "CC0 (Rachel Michetti)"),
    Photo("skimage", "rocket.jpg", "test", "public domain (SpaceX)"),
)


def check_split(split):
    """Raise ValueError unless `split` is one of SPLITS."""
    if split not in SPLITS:
        raise ValueError(f"found split {split!r}, expected one of {', '.join(SPLITS)}")


def scene_rng(split, seed, index):
    """Return the random generator of scene number `index` of a split.

    Parameters
    ----------
    split : str
    seed, index : int, 0 or more

    Returns
    -------
    numpy.random.Generator
        Streams of different splits, seeds or indices never meet.
    """
    check_split(split)
    return np.random.default_rng([PROCEDURAL_STREAM[split], seed, index])


def _package_folder(package):
    from importlib.util import find_spec  # finds without importing: sklearn takes seconds

    spec = find_spec(package)
    if spec is None:
        raise FileNotFoundError(f"{package}: found no such package, expected its photographs")
    below = {"skimage": "data", "sklearn": "datasets/images"}[package]
    return Path(spec.origin).parent / below


def photo_files(split, folder=None):
    """List the photographs of a split.

    Parameters
    ----------
    split : str
    folder : str or Path, optional
        Your own photographs, files of ENDINGS in it and below it.  The checksum of a file's
        content decides: 1 of 10 goes to validation, 1 of 10 to test, the rest to train.
        By default the table of bundled ones counts.

    Returns
    -------
    list of Path

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    check_split(split)
    if folder is None:
        return [_package_folder(p.package) / p.file for p in PHOTOS if p.split == split]
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: found no folder, expected one with photographs")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    digits = {path: zlib.crc32(path.read_bytes()) % 10 for path in files if path.is_file()}
    return [path for path, digit in digits.items() if SPLIT_OF_DIGIT[digit] == split]
