"""Convert an uploaded picture to 32 x 32 pixels, or explain why it cannot be used.

The format is recognised from the content, not from the file name. Format, file size and pixel count are checked before
decoding. Only one picture is decoded at a time, because 40 megapixels need 160 MB. It is converted to RGB and averaged in
bands, which avoids a second full-size copy, and then resampled. Nothing is written to disk, and Pillow's global settings
are not changed.
"""

from __future__ import annotations

import io
import threading

import numpy as np
from PIL import ExifTags, Image

from vicreg.data.image_set import SIDE

MAX_BYTES = 5_000_000
MAX_PIXELS = 40_000_000
MAX_RATIO = 20  # longer side / shorter side; beyond this, the centre square shows almost nothing of the picture
MAX_SCANS = 100  # of a progressive JPEG, which usually has about 10; each one processes all pixels
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
AGAIN = "Save it as PNG or JPEG and try again."
DEPTHS = (8, 10, 12, 14, 16)  # bits per value that cameras and scanners store in 16 bits
BAND = 8 * SIDE  # averaging leaves at least this many pixels on the shorter side; resampling does the rest

_STORED_BITS = "stored bits"
_ONE_AT_A_TIME = threading.Lock()
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PictureError(ValueError):
    """The bytes cannot be used as a picture. The message names the problem and the remedy."""


def read_picture(data: bytes) -> np.ndarray:
    """The bytes of a PNG, JPEG, WebP or GIF file as the model sees them: (32, 32, 3) uint8 RGB.

    Uses the centre square of the first frame, rotated according to EXIF, on white if transparent, resampled with a
    Lanczos filter. Colour profiles are ignored. Raises PictureError for other formats and for files that are too large
    or damaged.
    """
    if not data:
        raise PictureError(f"The file is empty. {AGAIN}")
    if len(data) > MAX_BYTES:
        raise PictureError(
            f"The file has {len(data) / 1e6:.1f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB. "
            "Make the picture smaller and try again."
        )
    kind = _format(data)
    if kind not in FORMATS:
        raise PictureError(f"This is {kind}, not a PNG, JPEG, WebP or GIF picture. {AGAIN}")
    if kind == "JPEG" and data.count(b"\xff\xda") > MAX_SCANS:
        raise PictureError(f"The JPEG file has more than {MAX_SCANS} scans. {AGAIN}")
    with _ONE_AT_A_TIME:
        try:
            if kind == "WEBP":  # opening a WebP file already allocates its pixels
                _check_size(*_webp_size(data))
            with Image.open(io.BytesIO(data), formats=[kind]) as picture:
                _check_size(*picture.size)
                if kind == "PNG":
                    picture.info[_STORED_BITS] = data[24]  # the header's bit depth; Pillow does not keep it
                return _seen(picture)
        except PictureError:
            raise
        except Image.DecompressionBombError as error:
            raise PictureError(_too_many("far more")) from error
        except Exception as error:  # decoders raise all kinds of errors for damaged bytes
            raise PictureError(f"The {kind} file is damaged or incomplete. {AGAIN}") from error


def to_rgb(picture: Image.Image, *, white: int = 65_535) -> Image.Image:
    """Convert a picture in any Pillow mode to RGB, on white if transparent.

    Integers with more than 8 bits are read as 0 to `white`, floats as 0 to 255.
    """
    mode = picture.mode
    if _is_deep(picture):
        values = np.asarray(picture).astype(np.int64).clip(0, white)
        clear = picture.info.get("transparency")
        if isinstance(clear, int):
            values[values == clear] = white
        return Image.fromarray(((values * 255 + white // 2) // white).astype(np.uint8)).convert("RGB")
    if mode == "F":
        values = np.nan_to_num(np.asarray(picture), nan=0.0).clip(0, 255)
        return Image.fromarray(values.round().astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        if mode == "La":  # Pillow converts premultiplied grey only to LA
            picture = picture.convert("LA")
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(paper, picture).convert("RGB")
    return picture.convert("RGB")


def _seen(picture: Image.Image) -> np.ndarray:
    """The centre square of an opened picture: (32, 32, 3)."""
    turn = _TURNS.get(_orientation(picture))
    picture.draft(None, (BAND, BAND))  # decodes a large JPEG at reduced size; no effect on other formats
    picture.load()
    white = _white(picture)
    width, height = picture.size
    factor = max(1, min(width, height) // BAND)
    side = min(width, height) // factor * factor
    left, top = (width - side) // 2, (height - side) // 2
    square = Image.new("RGB", (side // factor, side // factor))
    rows = factor * max(1, BAND // factor)
    for start in range(0, side, rows):
        band = picture.crop((left, top + start, left + side, top + min(start + rows, side)))
        square.paste(to_rgb(band, white=white).reduce(factor), (0, start // factor))
    small = square.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.array(small if turn is None else small.transpose(turn))


def _is_deep(picture: Image.Image) -> bool:
    """Whether Pillow holds the picture as integers of more than 8 bits, always in one channel."""
    return picture.mode == "I" or picture.mode.startswith("I;16")


def _white(picture: Image.Image) -> int:
    """The value of white in a picture of integers: the largest value of the smallest depth that holds every pixel.

    Many programs store 12 bits in a 16-bit PNG without scaling them, so white is 4,095 there. Without this the picture
    would be black. Of 16-bit colour, Pillow keeps only the upper 8 bits. Raises PictureError if these hold too little.
    """
    if _is_deep(picture):
        brightest = int(np.asarray(picture).max())
        return next(2**depth - 1 for depth in DEPTHS if brightest < 2**depth or depth == DEPTHS[-1])
    if picture.info.get(_STORED_BITS) == 16:
        colours = picture.split()[: 1 if picture.mode == "LA" else 3]
        brightest = max(int(np.asarray(colour).max()) for colour in colours)
        if 0 < brightest < 2 ** (DEPTHS[-2] - 8):
            raise PictureError(
                f"The PNG file has 16 bits per channel, but uses only the darkest {brightest + 1} of 256 levels, as "
                f"pictures of 12 bits do when they are not scaled. Save it with 8 bits per channel and try again."
            )
    return 65_535


def _orientation(picture: Image.Image) -> int:
    try:
        return picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # ignore damaged EXIF data
        return 1


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise PictureError(f"The picture has no pixels ({width} x {height}). {AGAIN}")
    if width * height > MAX_PIXELS:
        raise PictureError(_too_many(f"{width:,} x {height:,}"))
    if max(width, height) > MAX_RATIO * min(width, height):
        raise PictureError(
            f"The picture has {width:,} x {height:,} pixels, and the model only sees the centre square. "
            "Crop it closer to a square and try again."
        )


def _too_many(pixels: str) -> str:
    return (
        f"The picture has {pixels} pixels; the limit is {MAX_PIXELS / 1e6:.0f} megapixels. "
        "Make it smaller and try again."
    )


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height from the first chunk of a WebP file (RFC 9649). Raises ValueError for an unknown chunk."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise ValueError("cut off")
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise ValueError(f"unknown chunk {kind!r}")


def _format(data: bytes) -> str:
    """One of FORMATS, recognised by the first bytes; otherwise a description of the file."""
    starts = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF87a": "GIF", b"GIF89a": "GIF"}
    others = {
        **{b"BM": "a BMP file", b"II*\x00": "a TIFF file", b"MM\x00*": "a TIFF file", b"%PDF": "a PDF file"},
        b"PK\x03\x04": "a ZIP archive",
    }
    for start, kind in {**starts, **others}.items():
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return "an AVIF file" if data[8:12] in (b"avif", b"avis") else "a HEIC file or a video"
    if b"<svg" in data[:4_096].lower():
        return "an SVG drawing"
    return "some other file"
