"""Metadata about the shot - exposure, lens, date, place, words - read, and written into a copy.

Exiv2 reads and writes it: Exif, the makers' own notes, XMP and IPTC.  The tags that a raw
converter needs to develop the pixels are in `rawkit.photo.tags`.

References
----------
CIPA DC-008: "Exchangeable image file format for digital still cameras", version 2.32, 2019.
"""

from collections import namedtuple
from fractions import Fraction

import pyexiv2

pyexiv2.set_log_level(4)  # it has remarks on most makers' own tags


class Metadata(namedtuple("Metadata", "exif iptc xmp")):
    """All in Exiv2's own words.

    Attributes
    ----------
    exif, iptc : dict of str to str (or list of str)
    xmp : str
        The packet, XML; empty if there is none.
    """


NONE = Metadata({}, {}, "")
SOFTWARE, DENOISED = "Exif.Image.Software", "rawkit denoise"  # how a denoised copy is known

# of the image's own directory; all else there says how pixels are stored
_KEPT = (
    "Make Model Software ImageDescription Artist Copyright DateTime TimeZoneOffset HostComputer "
    "Rating RatingPercent XPTitle XPComment XPAuthor XPKeywords XPSubject CameraSerialNumber "
    # exposure may stand there too (ISO 12234-2)
    "LensInfo ExposureTime FNumber ISOSpeedRatings ExposureProgram DateTimeOriginal "
    "ShutterSpeedValue ApertureValue ExposureBiasValue MeteringMode Flash FocalLength"
)
KEPT = {f"Exif.Image.{name}" for name in _KEPT.split()}
# directories of other pictures in the file, such as previews
_OTHERS = ("Image", "Thumbnail", "SubImage", "SubThumb", "Preview", "PanasonicRaw")


def read_metadata(path):
    """Read a file's metadata; what cannot be read is left out.

    Text may be UTF-8 or, failing that, is taken for Latin-1, in which any bytes are text.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Metadata
    """
    try:
        with pyexiv2.Image(str(path)) as image:
            return Metadata(_read(image.read_exif), _read(image.read_iptc), image.read_raw_xmp())
    except (RuntimeError, UnicodeError):  # no kind of file that Exiv2 knows, or a damaged one
        return NONE


def _read(read):
    try:
        return read()
    except UnicodeDecodeError:
        return read(encoding="iso-8859-1")


def write_metadata(dng, metadata):
    """Put metadata into a DNG file.

    Parameters
    ----------
    dng : bytes
    metadata : Metadata
        Of another file: what tells how its pixels were stored stays out.

    Returns
    -------
    dng : bytes
    lost : list of str
        What could not be written.
    """
    lost = []
    with pyexiv2.ImageData(dng) as image:
        for what, write, value in (
            ("Exif", image.modify_exif, portable(metadata.exif)),
            ("IPTC", image.modify_iptc, metadata.iptc),
            ("XMP", image.modify_raw_xmp, metadata.xmp),
        ):
            try:
                write(value)
            except (RuntimeError, UnicodeError):
                lost.append(what)
        return image.get_bytes(), lost


def portable(exif):
    """The part of a file's Exif that is true of a copy, too: a dict."""
    return {
        key: value
        for key, value in exif.items()
        if key in KEPT or not key.split(".")[1].startswith(_OTHERS)
    }


def mark_denoised(metadata):
    """Metadata that say that the pixels were denoised here."""
    return metadata._replace(exif=dict(metadata.exif, **{SOFTWARE: DENOISED}))


def is_denoised(metadata):
    """Whether `mark_denoised` was here."""
    return metadata.exif.get(SOFTWARE) == DENOISED


def exposure(metadata, name):
    """A number of Exif's, such as "FNumber": float, or None where it is not known."""
    exif = metadata.exif
    value = exif.get(f"Exif.Photo.{name}") or exif.get(f"Exif.Image.{name}")
    try:
        return max(float(Fraction(value.split()[0])), 0.0) or None
    except (ValueError, IndexError, ZeroDivisionError, AttributeError):
        return None
