"""Reading images: stored pixels as RGB bytes, whatever the file's mode."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from core_eval import InputError
from data_real.images import read_image

RGB = np.random.default_rng(0).integers(0, 256, (13, 7, 3), dtype=np.uint8)


@pytest.fixture
def saved(tmp_path):
    def save(image, name="a.png", **options):
        path = tmp_path / name
        image = image if isinstance(image, Image.Image) else Image.fromarray(image)
        image.save(path, format="JPEG" if name.lower().endswith(("jpg", "jpeg")) else "PNG", **options)
        return path

    return save


@pytest.mark.parametrize("name", ["a.png", "A.PNG", "image_092 _01.png"])
def test_rgb_png_is_read_exactly(saved, name):
    image = read_image(saved(RGB, name))
    assert image.dtype == np.uint8
    assert image.flags.writeable
    np.testing.assert_array_equal(image, RGB)


def test_jpeg_agrees_with_opencv(saved):
    smooth = np.stack(np.meshgrid(np.arange(0, 240, 8), np.arange(0, 200, 5)), -1).sum(-1, keepdims=True) // 2
    path = saved(np.repeat(smooth, 3, -1).astype(np.uint8), "A.JPG", quality=95)
    np.testing.assert_allclose(read_image(path), cv2.imread(str(path))[..., ::-1].astype(int), atol=2)


def test_greyscale_is_repeated_over_three_channels(saved):
    image = read_image(saved(RGB[..., 0]))
    np.testing.assert_array_equal(image, np.repeat(RGB[..., :1], 3, -1))


def test_one_bit_is_black_and_white(saved):
    image = read_image(saved(Image.fromarray(RGB[..., 0] > 127)))
    np.testing.assert_array_equal(image, np.repeat(np.where(RGB[..., :1] > 127, 255, 0), 3, -1))


def test_alpha_is_dropped_not_composited(saved):
    alpha = np.linspace(0, 255, 13 * 7).astype(np.uint8).reshape(13, 7, 1)
    np.testing.assert_array_equal(read_image(saved(np.concatenate([RGB, alpha], -1))), RGB)
    grey = read_image(saved(Image.fromarray(np.concatenate([RGB[..., :1], alpha], -1), "LA"), "grey.png"))
    np.testing.assert_array_equal(grey, np.repeat(RGB[..., :1], 3, -1))


@pytest.mark.parametrize("transparency", [{}, {"transparency": 3}, {"transparency": bytes(range(16))}])
def test_palette_is_looked_up(saved, transparency):
    indices = Image.fromarray(RGB[..., 0] % 16)
    colours = np.arange(48, dtype=np.uint8).reshape(16, 3) * 5
    image = Image.new("P", indices.size)
    image.putdata(indices.get_flattened_data())
    image.putpalette(colours.ravel().tolist())
    np.testing.assert_array_equal(read_image(saved(image, **transparency)), colours[RGB[..., 0] % 16])


def test_sixteen_bit_greyscale_is_rescaled_not_clipped(saved):
    wide = np.array([[0, 128, 129, 257], [1000, 32768, 65406, 65535]], dtype=np.uint16)
    expected = np.round(wide / 257)[..., None].repeat(3, -1)
    np.testing.assert_array_equal(read_image(saved(wide)), expected)


def test_sixteen_bit_colour_is_rescaled(tmp_path):
    wide = np.random.default_rng(1).integers(0, 65536, (5, 4, 3), dtype=np.uint16)
    path = tmp_path / "wide.png"
    assert cv2.imwrite(str(path), wide[..., ::-1])
    np.testing.assert_allclose(read_image(path), wide / 257, atol=1)


def test_cmyk_jpeg_becomes_rgb(saved):
    red = Image.new("RGB", (16, 16), (200, 30, 30)).convert("CMYK")
    np.testing.assert_allclose(read_image(saved(red, "a.jpg", quality=95)), [[[200, 30, 30]] * 16] * 16, atol=6)


def test_exif_orientation_is_not_applied(saved):
    """Orientation 6 asks a viewer to turn the image; landmarks refer to the grid before that."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(RGB, "turned.jpg", exif=exif, quality=100)
    assert cv2.imread(str(path)).shape == (7, 13, 3), "the file does ask to be turned"
    assert read_image(path).shape == (13, 7, 3)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.97])
def test_truncated_image_is_refused(saved, name, share):
    noise = np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = saved(noise, name)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError) as caught:
        read_image(path)
    assert str(path) in str(caught.value)


def test_other_formats_are_refused_whatever_their_suffix(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, "TIFF")
    for content in (stream.getvalue(), b"not an image", b""):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(InputError, match="not a PNG or JPEG image"):
            read_image(tmp_path / "a.png")


@pytest.mark.parametrize("limit", [13 * 7 - 1, 13 * 7 // 3])
def test_decompression_bomb_is_refused_where_pillow_warns_and_where_it_raises(saved, monkeypatch, limit):
    path = saved(RGB)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(InputError, match="decompression bombs"):
        read_image(path)


def test_missing_file_and_folder_are_input_errors(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_image(tmp_path / "none.png")
    with pytest.raises(InputError, match="Is a directory"):
        read_image(tmp_path)
