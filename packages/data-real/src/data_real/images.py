"""Reading an image file as the pixels its annotation was made on.

Axis letters: H rows, W columns.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from core_eval import InputError

SUFFIXES = (".png", ".jpg", ".jpeg")
"""Lower case; compared without regard to case."""

_FORMATS = ("PNG", "JPEG")  # by content, not by suffix; every other decoder of Pillow stays closed to strangers' files


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read a PNG or JPEG file as (H, W, 3) uint8 RGB.

    The pixel grid is the stored one: an EXIF orientation is *not* applied, because landmarks were placed on, and refer
    to, the stored grid. Greyscale is repeated over three channels, palettes are looked up, CMYK is converted. An alpha
    channel is *dropped*: the colour under it is the photograph, and compositing would need a background that nobody
    specified. 16-bit greyscale is rescaled to 8 bits (65535 becomes 255); colour profiles are ignored.

    Raises `InputError` for a file that is missing, truncated, in another format, or of more pixels than Pillow's limit
    against decompression bombs (`PIL.Image.MAX_IMAGE_PIXELS`).
    """
    try:
        # Between once and twice the limit Pillow only warns.
        with (
            warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning),
            Image.open(path, formats=_FORMATS) as image,
        ):
            return _rgb(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(
            "the image has more pixels than Pillow's limit against decompression bombs", file=path
        ) from None
    except UnidentifiedImageError:
        raise InputError(f"not a {' or '.join(_FORMATS)} image", file=path) from None
    except OSError as reason:
        raise InputError(f"the image cannot be read: {reason.strerror or reason}", file=path) from None
    except Exception as reason:  # the decoders raise SyntaxError, ValueError, struct.error, zlib.error ... on damage
        raise InputError(f"the image is damaged: {reason}", file=path) from None


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I"):  # 16-bit greyscale; Pillow's own conversion clips at 255 instead of rescaling
        wide = np.asarray(image, dtype=np.uint32)
        grey = ((wide + 128) // 257).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
    image.info.pop("transparency", None)  # of a palette or a colour key; converting with it warns, or blends
    return np.array(image.convert("RGB"))
