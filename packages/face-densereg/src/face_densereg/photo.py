"""Any photograph as the pixels that a viewer would show.

Axis letters: H rows and W columns of the picture that is read, h and w of the one that is stored.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from core_eval import InputError

LARGEST = 1600
"""Larger pictures are shrunk to this side: the network sees at most half of it, and the drawings need no more."""

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
"""By content, not by suffix; every other decoder of Pillow stays closed to strangers' files."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture (H, W, 3) uint8 RGB, and its size (w, h) px before it was shrunk."""

    image: NDArray[np.uint8]
    size: tuple[int, int]


def read_photo(path: Path, *, largest: int = LARGEST) -> Photo:
    """Read a photograph: upright by its EXIF orientation, the first frame, 8 bits a channel, white where transparent.

    Greyscale is repeated over three channels, palettes are looked up, CMYK is converted; 16-bit greyscale is rescaled
    (65535 becomes 255). The longer side is at most `largest` px.

    Raises `InputError` for a file that is missing, a folder, truncated, damaged, in another format, of floating-point
    pixels, or of more pixels than Pillow's limit against decompression bombs (`PIL.Image.MAX_IMAGE_PIXELS`).
    """
    with _opened(path) as image:
        width, height = image.size
        if image.getexif().get(ExifTags.Base.Orientation, 1) >= 5:  # rows and columns are exchanged
            width, height = height, width
        image.draft(None, (largest, largest))  # a JPEG decoder can shrink while it decodes
        shown = _coloured(ImageOps.exif_transpose(image))
        shown.thumbnail((largest, largest), reducing_gap=3.0)
        return Photo(np.array(shown), (width, height))


def read_rgba(path: Path) -> NDArray[np.uint8]:
    """Read a picture with its transparency as (H, W, 4) uint8 RGBA; opaque where it has none. Errors: `read_photo`."""
    with _opened(path) as image:
        return np.array(image.convert("RGBA") if image.has_transparency_data else _coloured(image).convert("RGBA"))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The file as an image that is not decoded yet; whatever goes wrong inside becomes an `InputError`."""
    if path.is_dir():
        raise InputError("a folder, not a picture", file=path)
    if path.exists() and not path.is_file():
        raise InputError("not a regular file", file=path)
    try:
        with warnings.catch_warnings(action="ignore"):  # remarks of decoders on odd but readable files
            warnings.simplefilter("error", Image.DecompressionBombWarning)  # between once and twice the limit
            with Image.open(path, formats=FORMATS) as image:
                if image.mode == "F":
                    raise InputError("floating-point pixels have no known white; save the picture with 8 or 16 bits")
                yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(
            f"the picture has more than {Image.MAX_IMAGE_PIXELS} pixels, the limit against decompression bombs",
            file=path,
        ) from None
    except FileNotFoundError:
        raise InputError("there is no such file", file=path) from None
    except UnidentifiedImageError:
        raise InputError(f"not a picture in a known format ({', '.join(FORMATS)})", file=path) from None
    except InputError as reason:
        raise InputError(reason.message, file=path) from None
    except OSError as reason:
        raise InputError(f"the picture cannot be read: {reason.strerror or reason}", file=path) from None
    except Exception as reason:  # the decoders raise SyntaxError, ValueError, struct.error, zlib.error ... on damage
        raise InputError(f"the picture is damaged: {reason}", file=path) from None


def _coloured(image: Image.Image) -> Image.Image:
    """The image in RGB."""
    if image.mode.startswith("I"):  # 16-bit greyscale; Pillow's own conversion clips at 255 instead of rescaling
        wide = np.clip(np.asarray(image, np.int64), 0, 65535)
        return Image.fromarray(((wide + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
    return image.convert("RGB")
