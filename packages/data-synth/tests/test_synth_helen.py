"""The stand-in for Helen: the template's mask and its transfer."""

import numpy as np
import pytest

from core_eval import Dataset, InputError
from data_synth import helen
from data_synth.faces import dataset as faces
from data_synth.faces.model import FaceModel
from data_synth.faces.model_regions import PART_MIRROR
from data_synth.helen import CLASSES, TEXELS, StandInHelen, stand_in_helen, template_part, transferred


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Cut to a block a split, rendered into a folder of its own."""
    patch = pytest.MonkeyPatch()
    plans = {
        name: faces.SplitPlan(faces.BLOCK, plan.per_person, plan.yaw_counts) for name, plan in faces.SPLITS.items()
    }
    patch.setattr(faces, "SPLITS", plans)
    patch.setattr(helen, "TEST_IMAGES", 12)
    yield stand_in_helen(cache=tmp_path_factory.mktemp("helen"))
    patch.undo()


def test_mask_says_what_the_triangles_of_the_mean_face_are():
    """At the centre of every large enough triangle of skin the mask has that triangle's part."""
    model, mask = FaceModel.load(), template_part()
    assert mask.shape == (TEXELS, TEXELS)
    assert set(np.unique(mask)) == set(range(len(CLASSES)))
    a, b, c = np.moveaxis(model.uv[model.faces].astype(float), 1, 0)
    edge, other = b - a, c - a
    area = 0.5 * np.abs(edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0])
    chosen = model.face_region & (model.component == 0) & (area > 4 / TEXELS**2)
    assert chosen.sum() > 1000
    centre = ((a + b + c) / 3)[chosen]
    assert (transferred(mask, centre[None])[0] == model.part[chosen] % len(CLASSES)).mean() > 0.995


def test_mask_is_symmetric():
    mask = template_part()
    swapped = np.array(PART_MIRROR, np.uint8)[mask[:, ::-1]]
    assert (swapped == mask).mean() > 0.998
    sizes = np.bincount(mask.ravel())
    assert sizes[1:].min() > 300, "every class is on the template"
    assert sizes[0] > mask.size / 2


def test_transfer_is_a_look_up_and_gives_0_off_the_template():
    mask = np.arange(1, 17, dtype=np.uint8).reshape(4, 4)
    uv = np.array([[[0.0, 0.0], [0.3, 0.55]], [[1.0, 1.0], [np.nan, np.nan]]])
    np.testing.assert_array_equal(transferred(mask, uv), [[1, 10], [16, 0]])


def test_labels_agree_with_the_parts_of_the_mesh(small):
    """They are not the same: where a lid has opened, the eyeball shows coordinates that were the lid's."""
    test, pictures = small.split("test"), small.faces.split("test")
    for sample, picture in zip(test, pictures, strict=False):
        np.testing.assert_array_equal(sample.inputs["image"], picture.inputs["image"])
        assert set(sample.target) == {"points", "visible", "part"}
        assert (sample.target["part"] == picture.target["part"] % len(CLASSES)).mean() > 0.995
    seen = np.bincount(np.concatenate([sample.target["part"].ravel() for sample in test]), minlength=len(CLASSES))
    assert (seen > 0).all()


def test_training_samples_carry_the_mask(small):
    sample = small.split("train")[3]
    np.testing.assert_array_equal(sample.target["template_part"], template_part())
    assert sample.target["uv"].shape == (faces.SIZE, faces.SIZE, 2)
    assert "part" not in sample.target
    assert set(sample.inputs) == {"image"}, "a method sees no mask when it predicts"


def test_splits_and_fingerprints(small):
    assert isinstance(small, Dataset)
    assert [len(small.split(name)) for name in ("train", "valid", "test")] == [20, 20, 12]
    assert len({small.fingerprint(name) for name in ("train", "valid", "test")}) == 3
    assert small.fingerprint("test") != small.faces.fingerprint("test")
    assert small.split("test")[2:5][-1].id == small.split("test")[4].id
    with pytest.raises(InputError, match="unknown split"):
        small.split("all")
    with pytest.raises(InputError, match="no root"):
        stand_in_helen(root=helen.Path("somewhere"))
    assert len({sample.group for name in ("train", "test") for sample in StandInHelen.split(small, name)}) == 32
