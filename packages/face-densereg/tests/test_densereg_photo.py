"""Photographs as a viewer shows them, and what is refused."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from core_eval import InputError
from face_densereg.photo import read_photo

RNG = np.random.default_rng(3)
COLOURS = RNG.integers(0, 256, (40, 30, 3)).astype(np.uint8)
SMOOTH = np.tile(np.linspace(0, 255, 64).astype(np.uint8)[:, None, None], (1, 48, 3))


def test_pixels_are_those_of_the_file(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    photo = read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.image, COLOURS)
    assert photo.size == (30, 40)
    Image.fromarray(COLOURS[..., 0]).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_photo(tmp_path / "grey.png").image, np.repeat(COLOURS[..., :1], 3, -1))


def test_a_suffix_that_lies_does_not_matter(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.jpg", format="PNG")
    np.testing.assert_array_equal(read_photo(tmp_path / "a.jpg").image, COLOURS)


def test_sixteen_bits_keep_their_range(tmp_path):
    wide = (np.arange(64 * 64).reshape(64, 64) * 16).astype(np.uint16)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    image = read_photo(tmp_path / "wide.png").image
    np.testing.assert_allclose(image[..., 1], wide / 257, atol=0.5)


def test_transparent_is_white_and_palettes_are_looked_up(tmp_path):
    alpha = np.where(np.arange(30) < 10, 0, 255).astype(np.uint8)
    rgba = np.dstack([COLOURS, np.broadcast_to(alpha, (40, 30))])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    image = read_photo(tmp_path / "a.png").image
    assert (image[:, :10] == 255).all()
    np.testing.assert_array_equal(image[:, 10:], COLOURS[:, 10:])
    paletted = Image.fromarray(COLOURS).quantize(16)
    paletted.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_photo(tmp_path / "palette.png").image, np.array(paletted.convert("RGB")))
    paletted.save(tmp_path / "see-through.png", transparency=0)
    first = np.array(paletted) == 0
    assert first.any()
    assert (read_photo(tmp_path / "see-through.png").image[first] == 255).all()


TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", TURNS)
def test_exif_orientation_is_applied(tmp_path, orientation):
    """The tag says how the stored rows and columns are to be shown (EXIF 2.3, table 4)."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(COLOURS).save(tmp_path / "a.png", exif=exif)
    photo = read_photo(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.image, TURNS[orientation](COLOURS))
    assert photo.size == photo.image.shape[1::-1]


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_large_picture_is_shrunk_and_its_size_kept(tmp_path, suffix):
    large = Image.fromarray(SMOOTH).resize((600, 800))
    exif = Image.Exif()
    exif[0x0112] = 6
    large.save(tmp_path / f"a.{suffix}", exif=exif)
    photo = read_photo(tmp_path / f"a.{suffix}", largest=64)
    assert photo.size == (800, 600)
    assert photo.image.shape == (48, 64, 3)
    np.testing.assert_allclose(photo.image, np.rot90(SMOOTH, -1), atol=6)


def test_a_single_pixel_is_a_picture(tmp_path):
    Image.new("L", (1, 1), 7).save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png").image.tolist() == [[[7, 7, 7]]]


def test_the_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (8, 8), shade) for shade in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (read_photo(tmp_path / "a.gif").image == [255, 0, 0]).all()


def bomb() -> bytes:
    """A PNG of a gigapixel in a kilobyte."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = (40_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def encoded(kind: str, image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a picture"),
        (b"#!/bin/sh\n", "not a picture"),
        (encoded("PNG", Image.fromarray(COLOURS))[:900], "cannot be read|damaged"),
        (encoded("JPEG", Image.fromarray(np.tile(COLOURS, (5, 5, 1))))[:4000], "cannot be read|damaged"),
        (encoded("PPM", Image.fromarray(COLOURS)), "not a picture"),
        (encoded("TIFF", Image.fromarray(np.ones((4, 4), np.float32))), "floating-point"),
        (bomb(), "decompression bombs"),
    ],
    ids=["empty", "script", "cut-png", "cut-jpeg", "ppm", "float", "bomb"],
)
def test_hostile_files_get_one_clear_error(tmp_path, content, message):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_photo(tmp_path / "a.png")
    assert caught.value.file == tmp_path / "a.png"


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_photo(tmp_path / "a.png")
    with pytest.raises(InputError, match="a folder"):
        read_photo(tmp_path)
