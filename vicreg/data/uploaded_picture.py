"""A visitor's own picture as the network sees it: bytes from anywhere -> 32 x 32 pixels, or a sentence.

The format is told by the content, never by a name; it, the number of bytes and the number of pixels are checked from the
header, before anything is decoded. One picture is decoded at a time in the whole process, since 40 megapixels unpack to
160 MB. Pixels are made RGB and averaged band by band, so that no second copy of that size is made, and then resampled.
Nothing is written to disk, and nothing of Pillow's own settings is changed.
"""

from __future__ import annotations

import io
import threading

import numpy as np
from PIL import ExifTags, Image

from vicreg.data.image_set import SIDE

MAX_BYTES = 5_000_000
MAX_PIXELS = 40_000_000
MAX_RATIO = 20  # of the longer to the shorter side: beyond, the centre square shows next to nothing of the picture
MAX_SCANS = 100  # of a progressive JPEG, which usually has about 10: each one goes over all pixels again
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
AGAIN = "Save it as PNG or JPEG and try again."
BAND = 8 * SIDE  # pixels that the shorter side is averaged down to, at least, before it is resampled

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
    """Bytes that cannot be used as a picture; the message says what is wrong and what to do."""


def read_picture(data: bytes) -> np.ndarray:
    """A PNG, JPEG, WebP or GIF file's bytes as the model sees them: (32, 32, 3) uint8 RGB.

    The first frame, turned as its EXIF data say, on white where it is transparent; its centre square, resampled with a
    Lanczos filter. Colour profiles are ignored. Raises PictureError for anything else, too large or damaged.
    """
    if not data:
        raise PictureError(f"The file is empty. {AGAIN}")
    if len(data) > MAX_BYTES:
        raise PictureError(
            f"The file has {len(data) / 1e6:.1f} MB, and at most {MAX_BYTES / 1e6:.0f} MB are taken. "
            "Make the picture smaller and try again."
        )
    kind = _format(data)
    if kind not in FORMATS:
        raise PictureError(f"This is {kind}, not a PNG, JPEG, WebP or GIF picture. {AGAIN}")
    if kind == "JPEG" and data.count(b"\xff\xda") > MAX_SCANS:
        raise PictureError(f"The JPEG file has more than {MAX_SCANS} scans. {AGAIN}")
    with _ONE_AT_A_TIME:
        try:
            if kind == "WEBP":  # opening one already makes room for its pixels
                _check_size(*_webp_size(data))
            with Image.open(io.BytesIO(data), formats=[kind]) as picture:
                _check_size(*picture.size)
                return _seen(picture)
        except PictureError:
            raise
        except Image.DecompressionBombError as error:
            raise PictureError(_too_many("far more")) from error
        except Exception as error:  # decoders raise nearly anything on damaged bytes
            raise PictureError(f"The {kind} file is damaged or cut off and cannot be read. {AGAIN}") from error


def to_rgb(picture: Image.Image) -> Image.Image:
    """A picture of any of Pillow's modes as RGB, on white where it is transparent.

    Whole numbers of more than 8 bits are taken as 0 to 65,535, floats as 0 to 255.
    """
    mode = picture.mode
    if mode == "I" or mode.startswith("I;16"):
        values = np.asarray(picture).astype(np.int64).clip(0, 65_535)
        clear = picture.info.get("transparency")
        if isinstance(clear, int):
            values[values == clear] = 65_535
        return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")
    if mode == "F":
        values = np.nan_to_num(np.asarray(picture), nan=0.0).clip(0, 255)
        return Image.fromarray(values.round().astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        if mode == "La":  # Pillow takes premultiplied grey to LA only
            picture = picture.convert("LA")
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def _seen(picture: Image.Image) -> np.ndarray:
    """An opened picture's centre square, (32, 32, 3)."""
    turn = _TURNS.get(_orientation(picture))
    picture.draft(None, (BAND, BAND))  # a large JPEG is decoded at an eighth or more, other formats as they are
    picture.load()
    width, height = picture.size
    factor = max(1, min(width, height) // BAND)
    side = min(width, height) // factor * factor
    left, top = (width - side) // 2, (height - side) // 2
    square = Image.new("RGB", (side // factor, side // factor))
    rows = factor * max(1, BAND // factor)
    for start in range(0, side, rows):
        band = picture.crop((left, top + start, left + side, top + min(start + rows, side)))
        square.paste(to_rgb(band).reduce(factor), (0, start // factor))
    small = square.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.array(small if turn is None else small.transpose(turn))


def _orientation(picture: Image.Image) -> int:
    try:
        return picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF data are no reason to refuse the picture
        return 1


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise PictureError(f"The picture has no pixels: it is {width} x {height}. {AGAIN}")
    if width * height > MAX_PIXELS:
        raise PictureError(_too_many(f"{width:,} x {height:,}"))
    if max(width, height) > MAX_RATIO * min(width, height):
        raise PictureError(
            f"The picture has {width:,} x {height:,} pixels, and the model sees the centre square only. "
            "Crop it nearer to a square and try again."
        )


def _too_many(pixels: str) -> str:
    return (
        f"The picture has {pixels} pixels, and at most {MAX_PIXELS / 1e6:.0f} megapixels are taken. "
        "Make it smaller and try again."
    )


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height by a WebP file's first chunk (RFC 9649). Raises ValueError for another chunk."""
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
    """One of FORMATS by the first bytes, or what it is instead, in words."""
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
