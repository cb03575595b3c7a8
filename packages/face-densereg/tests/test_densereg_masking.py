"""Faces that carry no annotation, and several faces in an image."""

import numpy as np
import pytest
import torch

from core_eval import InputError, Sample
from core_quantreg import QuantOutput
from core_train import Augment
from face_densereg import budgets
from face_densereg.cascade import Cascade
from face_densereg.locate import LEAST_QUALITY, find_face, find_faces, territories
from face_densereg.masking import Masked, ignored_pixels, known_part, moving_masks, unannotated
from face_densereg.method import DenseReg
from face_densereg.network import DenseRegNet, DenseRegTraining

SIDE = 96


def pair(toy, index, *, hint=True):
    """Two toy faces, of which one is annotated; `ignore` is the box of the other one."""
    annotated, other = toy(2 * index, SIDE, place=(3, 4)), toy(2 * index + 1, SIDE, place=(50, 49))
    if index % 2:
        annotated, other = other, annotated
    on = np.isfinite(other.target["uv"][..., 0])
    image = np.where(on[..., None], other.inputs["image"], annotated.inputs["image"])
    rows, columns = np.nonzero(on)
    box = np.array([[columns.min(), rows.min(), columns.max(), rows.max()]], np.float64)
    target = {**annotated.target, "ignore": box} if hint else annotated.target
    return Sample(f"pair-{index}", {"image": image}, target, f"group-{index}"), (annotated, other)


def train(toy, folder, *, hint):
    method = DenseReg(bins=2, steps=80)
    method.fit([pair(toy, i, hint=hint)[0] for i in range(100)], [], seed=1, budget="smoke", workdir=folder)
    return method


@pytest.fixture(scope="module")
def trained(toy, tmp_path_factory):
    """On pairs with the boxes of unannotated faces."""
    return train(toy, tmp_path_factory.mktemp("work"), hint=True)


def test_boxes_without_a_landmark_are_unannotated():
    boxes = np.array([[0.0, 0, 10, 10], [20, 20, 30, 30], [8, 40, 30, 60]])
    points = np.array([[25.0, 29], [np.nan, np.nan], [9, 41]])
    np.testing.assert_array_equal(unannotated(boxes, points), boxes[:1])
    assert unannotated(np.empty((0, 4)), points).shape == (0, 4)


def test_ignored_pixels_are_those_with_their_centre_in_a_box():
    expected = np.zeros((5, 7), bool)
    expected[1:3, 2:4] = expected[4:, 6:] = True
    boxes = np.array([[1.5, 1, 3, 2.9], [6, 4, 9, 9], [-5, -5, -1, 9]])
    np.testing.assert_array_equal(ignored_pixels(boxes, 5, 7), expected)
    assert not ignored_pixels(np.empty((0, 4)), 5, 7).any()


def test_gradient_does_not_reach_an_ignored_region():
    """Neither that of the coordinates nor that of face against background; elsewhere it is as without the region."""
    rng = np.random.default_rng(0)
    uv = torch.full((2, 12, 12, 2), torch.nan)
    uv[:, 2:10, 1:11] = torch.from_numpy(rng.random((2, 8, 10, 2), np.float32))
    ignored = torch.zeros(2, 12, 12, dtype=torch.uint8)
    ignored[0, :, 7:] = 1
    training = DenseRegTraining(DenseRegNet(budgets.plan("smoke"), 3), rate=1e-3, kernel_rate=None, positions=None)

    def gradients(batch):
        shapes = (2, 2, 3, 12, 12), (2, 2, 3, 12, 12), (2, 2, 12, 12)
        maps = [torch.from_numpy(np.random.default_rng(k).normal(size=shape)) for k, shape in enumerate(shapes)]
        for value in maps:
            value.requires_grad_()
        training.dense_loss(QuantOutput(*maps), {"image": torch.zeros(2, 12, 12, 3), **batch}).backward()
        return [value.grad.flatten(1, -3).abs().sum(1) for value in maps]

    face = torch.isfinite(uv[..., 0])
    residuals, bins, part = gradients({"uv": uv, "ignored": ignored})
    assert torch.equal(part > 0, ignored == 0)
    assert torch.equal(bins > 0, face & (ignored == 0))
    assert torch.equal(residuals > 0, face & (ignored == 0))
    # What is labelled in the region does not matter ...
    other = uv.clone()
    other[0, :, 7:] = 0.5
    for one, two in zip(gradients({"uv": other, "ignored": ignored}), (residuals, bins, part), strict=True):
        assert torch.equal(one, two)
    # ... and a region of nothing changes nothing.
    for one, two in zip(gradients({"uv": uv}), gradients({"uv": uv, "ignored": ignored * 0}), strict=True):
        assert torch.equal(one, two)
    assert known_part({"uv": uv}) is None


def test_samples_get_their_mask(toy):
    samples = [pair(toy, 0)[0], toy(5, SIDE)]
    masked = Masked(samples)
    assert masked[0].target["ignored"].sum() == np.isfinite(pair(toy, 0)[1][1].target["uv"][..., 0]).sum()
    assert not masked[1].target["ignored"].any(), "a sample may be without boxes"
    assert masked[1:][0].id == samples[1].id
    broken = Sample("bad", samples[0].inputs, {"ignore": np.array([1.0, 2, 3, 4])}, "")
    with pytest.raises(InputError, match=r"boxes \(B, 4\).*sample bad, field ignore"):
        Masked([broken])[0]


def test_an_augmentation_moves_the_mask_with_the_picture():
    ignored = np.zeros((1, 40, 40), np.uint8)
    ignored[0, 10:22, 15:30] = 1
    image = np.repeat(255 * ignored[..., None], 3, -1)
    uv = np.where(ignored[..., None] > 0, np.float32(0.5), np.float32(np.nan)).repeat(2, -1)
    augment = moving_masks(Augment(brightness=0, contrast=0))
    moved = augment({"image": image, "uv": uv, "ignored": ignored}, np.random.default_rng(1))
    assert set(moved) == {"image", "uv", "ignored"}
    np.testing.assert_array_equal(moved["ignored"] > 0, np.isfinite(moved["uv"][..., 0]))
    assert (moved["ignored"] != ignored).any()
    assert set(moving_masks(Augment())({"image": image}, np.random.default_rng(1))) == {"image"}


def test_masked_faces_are_not_learnt_as_background(trained, toy, tmp_path):
    """Without the boxes the network is told of equal faces that they are face and background."""
    shares = []
    for method in (trained, train(toy, tmp_path, hint=False)):
        for index in (300, 301):
            sample, faces = pair(toy, index)
            probability = method.foreground(sample.inputs["image"])
            shares.append([probability[np.isfinite(face.target["uv"][..., 0])].mean() for face in faces])
    masked, unmasked = np.array(shares[:2]), np.array(shares[2:])
    assert masked.min() > 0.8
    assert unmasked.mean() < 0.7


def test_every_face_of_an_image_is_read_in_its_place(trained, toy):
    sample, faces = pair(toy, 400)
    found = trained.predict_faces(sample.inputs["image"])
    assert len(found) == 2
    for face in faces:
        errors = [np.linalg.norm(answer["points"][2] - face.target["points"][2]) for answer in found]
        assert min(errors) < 6
        answer = found[int(np.argmin(errors))]
        known, truth = np.isfinite(answer["uv"][..., 0]), np.isfinite(face.target["uv"][..., 0])
        assert (known & truth).sum() > 0.4 * truth.sum()
        assert (known & ~truth).sum() < 0.05 * known.sum(), "of this face, and of no other"
    assert len(trained.predict_faces(sample.inputs["image"], most=1)) == 1


def test_no_face_is_an_empty_list(trained):
    assert trained.predict_faces(np.zeros((70, 50, 3), np.uint8)) == []
    with pytest.raises(InputError, match="unknown decoding"):
        trained.predict_faces(np.zeros((70, 50, 3), np.uint8), decode="best")


def test_a_cascade_does_not_ignore_that_there_is_something_to_ignore(toy, tmp_path):
    with pytest.raises(InputError, match="does not leave regions out"):
        Cascade(steps=1).fit([pair(toy, 0)[0]], [], seed=0, budget="smoke", workdir=tmp_path)


def discs(places, size=(200, 300)):
    """White discs (x, y, radius) on black."""
    y, x = np.mgrid[: size[0], : size[1]]
    on = np.any([np.hypot(x - a, y - b) <= r for a, b, r in places], axis=0)
    return np.repeat(np.where(on, 250, 5).astype(np.uint8)[..., None], 3, -1)


def red(image):
    return image[..., 0] / np.float32(255)


def test_each_disc_is_cut_out_once_and_as_large_as_expected():
    places = [(60, 60, 30), (200, 70, 45), (120, 160, 18)]
    image = discs(places)
    crops = find_faces(image, 64, 32.0, red)
    assert len(crops) == 3
    for crop in crops:
        assert np.sqrt((crop.image[..., 0] > 128).sum()) == pytest.approx(32, rel=0.5)
        middle = crop.points_to_image(np.array([[31.5, 31.5]]))[0]
        x, y, radius = min(places, key=lambda place: np.hypot(*(middle - place[:2])))
        np.testing.assert_allclose(middle, (x, y), atol=1.5)
        assert np.sqrt(np.pi) * radius / crop.to_image[0, 0] == pytest.approx(32, rel=0.1)
        places.remove((x, y, radius))
    best = find_face(image, 64, 32.0, red)
    np.testing.assert_array_equal(best.image, crops[0].image)
    assert len(find_faces(image, 64, 32.0, red, most=2)) == 2


def test_doubtful_regions_are_no_second_face():
    image = discs([(60, 60, 30)])
    image[90:140, 200:250] = 255 * (LEAST_QUALITY - 0.05)
    assert len(find_faces(image, 64, 32.0, red)) == 1
    assert find_faces(np.zeros((60, 80, 3), np.uint8), 64, 32.0, red) == []


def test_territories_share_the_pixels_out():
    image = discs([(80, 100, 40), (150, 100, 20)])
    crops = find_faces(image, 64, 32.0, red)
    assert len(crops) == 2
    shares = np.zeros(image.shape[:2], int)
    for crop, own in zip(crops, territories(crops), strict=True):
        spread = crop.field_to_image(own.astype(np.float32)[..., None], *image.shape[:2])
        shares += np.nan_to_num(np.asarray(spread).reshape(image.shape[:2])).astype(int)
    assert (shares == 2).sum() <= 20, "but for a rounded border, nobody's pixel is another's"
    assert shares[100, 80] == shares[100, 150] == 1
    assert territories(crops[:1])[0].all()
