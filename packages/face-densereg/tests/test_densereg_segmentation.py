"""Parts by transfer and by direct segmentation, on a toy world whose colours tell the template coordinate."""

import numpy as np
import pytest

from core_eval import InputError, Method, Sample
from face_densereg.deeplab import DeepLab
from face_densereg.method import DenseReg
from face_densereg.segmentation import PartTransfer, template_mask, transfer

SIDE = 64
MASK = np.zeros((20, 20), np.uint8)
MASK[:10, :10], MASK[:10, 10:], MASK[14:] = 1, 2, 3


def toy(index):
    """A square "face" with three parts: red and green grow with u_h and u_v, on dark noise."""
    rng = np.random.default_rng([7, index])
    size = rng.integers(34, 46)
    x, y = rng.integers(0, SIDE - size, 2)
    image = rng.integers(0, 60, (SIDE, SIDE, 3)).astype(np.uint8)
    uv = np.full((SIDE, SIDE, 2), np.nan, np.float32)
    v, u = np.mgrid[:size, :size] / (size - 1)
    uv[y : y + size, x : x + size] = np.stack([u, v], -1)
    image[y : y + size, x : x + size] = np.stack([60 + 180 * u, 60 + 180 * v, np.full_like(u, 200)], -1)
    points = np.array([[0.2, 0.2], [0.8, 0.2], [0.5, 0.5], [0.2, 0.8], [0.8, 0.8]]) * (size - 1) + [x, y]
    target = {"uv": uv, "points": points, "template_part": MASK}
    return Sample(f"toy-{index}", {"image": image}, target, f"group-{index}")


@pytest.fixture(scope="module")
def faces():
    return [toy(i) for i in range(1000, 1006)]


@pytest.fixture(scope="module", params=[lambda: PartTransfer(bins=4, steps=60), lambda: DeepLab(steps=60)])
def trained(request, tmp_path_factory):
    method = request.param()
    train = [toy(i) for i in range(120)]
    method.fit(train, [], seed=1, budget="smoke", workdir=tmp_path_factory.mktemp("work"))
    return method, request.param


def predict(method, samples):
    return [prediction["part"] for prediction in method.predict(sample.inputs for sample in samples)]


def test_parts_are_learnt_kept_and_read_back(trained, faces, tmp_path):
    method, factory = trained
    assert isinstance(method, Method)
    parts = predict(method, faces)
    for part, sample in zip(parts, faces, strict=True):
        truth = transfer(MASK, sample.target["uv"])
        assert part.dtype == np.uint8
        assert (part == truth).mean() > 0.9
        for label in range(4):
            both, either = ((part == label) & (truth == label)).sum(), ((part == label) | (truth == label)).sum()
            assert both > 0.6 * either
    method.save(tmp_path)
    loaded = factory()
    loaded.load(tmp_path)
    np.testing.assert_array_equal(predict(loaded, faces), parts)
    with pytest.raises(InputError, match="not weights"):
        DenseReg(bins=4).load(tmp_path) if isinstance(method, DeepLab) else DeepLab().load(tmp_path)


def test_images_of_any_size_have_a_label_at_every_pixel(trained):
    method, _ = trained
    for shape in ((5, 9), (64, 64), (90, 150)):
        part = predict(method, [Sample("s", {"image": np.zeros((*shape, 3), np.uint8)}, {}, "g")])[0]
        assert part.shape == shape
        assert part.dtype == np.uint8
        assert part.max() <= 3


def test_direct_segmentation_of_an_enlarged_image_is_the_enlarged_segmentation(trained, faces):
    method, _ = trained
    if isinstance(method, PartTransfer):
        pytest.skip("finds the face first")
    sample = faces[0]
    large = np.kron(sample.inputs["image"], np.ones((2, 2, 1), np.uint8))
    wide = np.concatenate([large, np.zeros((128, 40, 3), np.uint8)], 1)
    part = predict(method, [Sample("wide", {"image": wide}, {}, "g")])[0]
    truth = np.kron(transfer(MASK, sample.target["uv"]), np.ones((2, 2), np.uint8))
    assert (part[:, :128] == truth).mean() > 0.85


def test_transfer_is_a_look_up():
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 9, (30, 50)).astype(np.uint8)
    uv = rng.uniform(0, 1, (6, 7, 2))
    uv[0, 0], uv[5, 6] = np.nan, 1.0
    out = transfer(mask, uv)
    for row, column in np.ndindex(6, 7):
        u, v = uv[row, column]
        expected = 0 if np.isnan(u) else mask[min(int(v * 30), 29), min(int(u * 50), 49)]
        assert out[row, column] == expected
    centres = np.stack(np.meshgrid((np.arange(50) + 0.5) / 50, (np.arange(30) + 0.5) / 30), -1)
    np.testing.assert_array_equal(transfer(mask, centres), mask, err_msg="the template's own field gives the mask")


def test_a_mask_is_needed(tmp_path):
    bare = toy(0)
    bare = Sample(bare.id, bare.inputs, {"uv": bare.target["uv"], "points": bare.target["points"]}, bare.group)
    for method in (PartTransfer(), DeepLab()):
        with pytest.raises(InputError, match="no mask"):
            method.fit([bare, bare], [], seed=0, budget="smoke", workdir=tmp_path)
        with pytest.raises(InputError, match="neither fitted nor loaded"):
            predict(method, [bare])
    for wrong in (np.zeros((3, 3)), np.zeros(4, np.uint8), np.full((2, 2), 300)):
        with pytest.raises(InputError, match="template_part"):
            template_mask([Sample("s", bare.inputs, {"template_part": wrong}, "g")])
    with pytest.raises(InputError, match="at least 1"):
        DeepLab(steps=0)
