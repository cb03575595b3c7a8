"""Multi-PIE on small copies in the layout that its readers know, whole and broken."""

from __future__ import annotations

import io
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from core_eval import Dataset, InputError
from core_eval.pts import format_pts
from data_real.multipie import COUNTS, LABELS, PICTURES, MultiPIE, read_points
from data_real.multipie_names import CAMERAS, EMOTION_OF, EMOTIONS, LIGHTS, SUBJECTS, View, view_of
from data_real.plugin import DATASETS

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 32, 3), dtype=np.uint8)
POINTS = np.random.default_rng(1).uniform(2, 30, (68, 2)).round(3)


def mat(**arrays) -> bytes:
    stream = io.BytesIO()
    savemat(stream, arrays, do_compression=True)
    return stream.getvalue()


def png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(IMAGE).save(stream, "PNG")
    return stream.getvalue()


PNG, MAT = png(), mat(pts=POINTS + 1)
SMILE = View(1, 1, 2, "05_1")
DISGUST = View(160, 3, 3, "13_0")
SCREAM = View(337, 4, 3, "04_1")


def write(root: Path, view: View, *, lights=range(LIGHTS), labelled: int = 5, annotation: bytes = MAT) -> Path:
    """Pictures of a view and an annotation made on one of its lights; returns the annotation."""
    folder = root / PICTURES / view.folder
    folder.mkdir(parents=True, exist_ok=True)
    for light in lights:
        (folder / f"{view.stem(light)}.png").write_bytes(PNG)
    labels = root / LABELS / view.camera.replace("_", "")
    labels.mkdir(parents=True, exist_ok=True)
    file = labels / f"{view.stem(labelled)}_lm.mat"
    file.write_bytes(annotation)
    return file


@pytest.fixture
def small(tmp_path) -> Path:
    """A view for each split, and four that belong to none; to be altered."""
    root = tmp_path / "root"
    for view in (SMILE, DISGUST, SCREAM):
        write(root, view)
    write(root, View(338, 1, 1, "05_1"))  # a subject in no split
    write(root, View(2, 1, 1, "24_0"), annotation=mat(pts=POINTS[:39]))  # a camera that is not used
    write(root, View(2, 1, 1, "13_0"), annotation=mat(pts=POINTS[:39]))
    write(root, View(2, 1, 1, "14_0"), annotation=mat(pts=POINTS[:66]))
    (root / "meta").mkdir()
    return root


def picture(root: Path, view: View) -> Path:
    return root / PICTURES / view.folder / f"{view.stem(view.lights()[0])}.png"


def label(root: Path, view: View) -> Path:
    return root / LABELS / view.camera.replace("_", "") / f"{view.stem(5)}_lm.mat"


def test_sample_has_the_arrays_of_the_stand_in(small):
    dataset = MultiPIE(small, allow_partial=True)
    assert isinstance(dataset, Dataset)
    assert {name: len(dataset.split(name)) for name in COUNTS} == dict.fromkeys(COUNTS, 1)
    sample = dataset.split("valid")[0]
    light = DISGUST.lights()[0]
    assert sample.id == f"160_03_03_130_{light:02d}"
    assert sample.group == "subject-160"
    np.testing.assert_array_equal(sample.inputs["image"], IMAGE)
    np.testing.assert_allclose(sample.target["points"], POINTS, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(sample.inputs["box"], [*POINTS.min(0), *POINTS.max(0)] - np.zeros(4))
    assert set(sample.target) == {"points", "visible", "emotion", "camera", "light", "subject"}
    assert sample.target["visible"].dtype == np.bool_
    assert sample.target["visible"].all()
    labels = {key: int(sample.target[key]) for key in ("emotion", "camera", "light", "subject")}
    assert labels == {"emotion": 4, "camera": 4, "light": light, "subject": 160}
    assert all(sample.target[key].dtype == np.int64 for key in labels)
    assert [int(dataset.split(name)[0].target["emotion"]) for name in ("train", "test")] == [2, 5]


def test_names_say_subject_session_recording_camera_and_light():
    for (session, recording), emotion in EMOTION_OF.items():
        for camera in CAMERAS:
            view = View(17, session, recording, camera)
            assert view_of(view.stem(19)) == (view, 19)
            assert EMOTIONS[view.emotion] == emotion
    assert set(EMOTION_OF.values()) == set(EMOTIONS)
    assert {View(number, 1, 1, "05_1").split for number in range(1, 338)} == set(SUBJECTS)
    assert View(338, 1, 1, "05_1").split == View(0, 1, 1, "05_1").split == ""


@pytest.mark.parametrize(
    ("stem", "message"),
    [
        ("001_01_01_051", "not of the form"),
        ("001_01_01_0511_05", "not of the form"),
        ("../../001_01_01_051_05", "not of the form"),
        ("001_05_01_051_05", "session 5, recording 1, of which no emotion"),
        ("001_01_03_051_05", "session 1, recording 3, of which no emotion"),
        ("001_01_01_051_20", "light 20, of 00 to 19"),
        ("٠٠١_01_01_051_05", "not of the form"),  # digits that int() would take
    ],
)
def test_names_that_say_nothing_are_refused(stem, message):
    with pytest.raises(InputError, match=message):
        view_of(stem)


def test_lights_are_drawn_evenly_and_by_name():
    views = [View(subject, 1, 1, camera) for subject in range(1, 338) for camera in CAMERAS]
    first = Counter(view.lights()[0] for view in views)
    assert set(first) == set(range(LIGHTS))
    mean = len(views) / LIGHTS
    assert sum((count - mean) ** 2 / mean for count in first.values()) < 43.8  # chi square, 19 degrees, p = 0.001
    assert sorted(views[0].lights()) == list(range(LIGHTS))
    assert [view.lights() for view in views[:5]] == [view.lights() for view in views[:5]]
    assert len({tuple(view.lights()) for view in views}) == len(views)


def test_a_light_that_is_not_there_is_replaced_and_declared(small):
    first, second = SMILE.lights()[:2]
    picture(small, SMILE).unlink()
    dataset = MultiPIE(small, allow_partial=True)
    assert dataset.split("train").pairs[0].id == SMILE.stem(second)
    assert int(dataset.split("train")[0].target["light"]) == second != first
    text = "train: 1 views without the picture in the light that was drawn for them"
    assert dataset.partial("train").endswith(text)
    assert "light" not in dataset.partial("test")


def test_the_annotation_of_the_light_that_is_shown_goes_first(small):
    light = SMILE.lights()[0]
    assert light != 5
    write(small, SMILE, lights=(), labelled=light, annotation=mat(pts=POINTS + 2))
    sample = MultiPIE(small, allow_partial=True).split("train")[0]
    np.testing.assert_allclose(sample.target["points"], POINTS + 1, rtol=0, atol=1e-9)


def test_annotations_may_be_pts_files_and_lie_in_one_folder(small):
    before = MultiPIE(small, allow_partial=True).split("train")[0]
    (small / LABELS / "051" / f"{SMILE.stem(5)}_lm.mat").unlink()
    (small / LABELS / f"{SMILE.stem(5)}.pts").write_text(format_pts(POINTS))
    after = MultiPIE(small, allow_partial=True).split("train")[0]
    assert before.id == after.id
    np.testing.assert_allclose(after.target["points"], before.target["points"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("arrangement", ["deeper", "beside", "short", "case"])
def test_ids_and_fingerprint_do_not_depend_on_the_arrangement_of_the_copy(small, tmp_path, arrangement):
    other = tmp_path / "other"
    if arrangement == "deeper":
        shutil.copytree(small, other / "Multi-Pie")
    elif arrangement == "beside":
        shutil.copytree(small / PICTURES, other / "Multi-PIE" / PICTURES)
        shutil.copytree(small / LABELS, other / LABELS)
    elif arrangement == "short":
        shutil.copytree(small / PICTURES, other / PICTURES)
        shutil.copytree(small / LABELS, other / "labels")
    else:
        shutil.copytree(small / PICTURES, other / "Data")
        shutil.copytree(small / LABELS, other / "mpie_labels" / "Labels")
    one, two = (MultiPIE(root, allow_partial=True) for root in (small, other))
    assert [one.fingerprint(split) for split in COUNTS] == [two.fingerprint(split) for split in COUNTS]


def test_counts_of_the_paper_are_checked(small, monkeypatch):
    with pytest.raises(
        InputError, match="'train' of multipie is incomplete: train: 1 of 1875 annotated views; a partial"
    ):
        MultiPIE(small).split("train")
    with pytest.raises(InputError, match="1 of 1054"):
        MultiPIE(small).fingerprint("test")
    monkeypatch.setattr("data_real.multipie.COUNTS", dict.fromkeys(COUNTS, 1))
    (small / LABELS / "readme.pts").write_text("not an annotation")
    dataset = MultiPIE(small)
    assert len(dataset.split("test")) == 1
    assert dataset.partial("test") == ""
    calls = []
    report = dataset.verify(progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert report.complete
    assert report.notes[0].startswith(f"{LABELS}/readme.pts: the name is not of the form")


def remove_pictures(root: Path) -> None:
    shutil.rmtree(root / PICTURES / SMILE.folder)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (remove_pictures, f"{SMILE.stem(5)}_lm.mat: the annotation has no image in {PICTURES}/{SMILE.folder}"),
        (
            lambda root: shutil.copytree(root / LABELS / "051", root / LABELS / "all"),
            f"{SMILE.stem(5)}: 2 annotations for one image: 051/{SMILE.stem(5)}_lm.mat, all/{SMILE.stem(5)}_lm.mat",
        ),
        (
            lambda root: picture(root, SMILE).with_suffix(".jpg").write_bytes(PNG),
            f"_lm.mat: 2 images for one annotation: {picture(Path(), SMILE).stem}.jpg, ",
        ),
        (
            lambda root: label(root, SMILE).rename(root / LABELS / "051" / "face_lm.mat"),
            f"{LABELS}/051/face_lm.mat: the name is not of the form",
        ),
        (
            lambda root: label(root, SMILE).rename(root / LABELS / "051" / "001_01_09_051_05_lm.mat"),
            "recording 9, of which no emotion is known",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_left_out_and_named(small, damage, problem):
    damage(small)
    dataset = MultiPIE(small, allow_partial=True)
    assert problem in dataset.partial("train")
    with pytest.raises(InputError) as caught:
        dataset.split("train")
    assert problem in str(caught.value)
    assert len(dataset.split("test")) == 1
    assert any(problem in text for text in dataset.verify().problems)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (mat(pts=POINTS[:67]), r"shape \(68, 2\), got \(67, 2\)"),
        (mat(pts=POINTS.T), r"shape \(68, 2\), got \(2, 68\)"),
        (mat(points=POINTS), r"got none"),
        (mat(pts="68 points"), r"got none"),
        (mat(pts=np.where(np.arange(136).reshape(68, 2) == 7, np.nan, POINTS)), "not finite"),
        (mat(pts=POINTS * 1e9), "beyond 1e"),
        (mat(pts=POINTS + 1j), "complex"),
        (mat(pts=POINTS + 100), "no annotated point lies inside the 32 x 40 image"),
        (mat(pts=np.zeros((4000, 200))), "pts"),
        (mat(other=np.random.default_rng(0).random(70_000 // 8)), "at most 65536 bytes"),
        (MAT[:200], "readable"),
        (MAT[:-9], "readable"),
        (b"", "readable"),
        (b"MATLAB 7.3 MAT-file" + b" " * 500, "7.3"),
    ],
)
def test_a_hostile_annotation_is_an_error_at_its_sample(small, content, message):
    file = write(small, SMILE, lights=(), annotation=content)
    dataset = MultiPIE(small, allow_partial=True)
    with pytest.raises(InputError, match=message) as caught:
        dataset.split("train")[0]
    assert caught.value.file == file
    assert caught.value.sample == SMILE.stem(SMILE.lights()[0])
    report = dataset.verify()
    assert (report.splits[0].broken, report.splits[1].broken) == (1, 0)
    assert any(text.startswith(caught.value.sample) for text in report.problems)


@pytest.mark.parametrize("content", [PNG[:200], b"", b"GIF89a"])
def test_a_broken_picture_is_an_error_at_its_sample(small, content):
    picture(small, SCREAM).write_bytes(content)
    with pytest.raises(InputError) as caught:
        MultiPIE(small, allow_partial=True).split("test")[0]
    assert caught.value.file == picture(small, SCREAM)
    assert caught.value.sample == SCREAM.stem(SCREAM.lights()[0])


def test_pts_files_have_as_many_points(tmp_path):
    (tmp_path / "a.pts").write_text(format_pts(POINTS[:66]))
    with pytest.raises(InputError, match="n_points is 66"):
        read_points(tmp_path / "a.pts")


def test_links_out_of_the_root_and_pipes_are_not_opened(small, tmp_path):
    shutil.move(small / LABELS / "051", tmp_path / "051")
    (small / LABELS / "051").symlink_to(tmp_path / "051")
    shutil.move(picture(small, DISGUST), tmp_path / "secret.png")
    picture(small, DISGUST).symlink_to(tmp_path / "secret.png")
    file = small / LABELS / "041" / f"{SCREAM.stem(5)}_lm.mat"
    file.unlink()
    os.mkfifo(file)
    dataset = MultiPIE(small, allow_partial=True)
    assert f"051/{SMILE.stem(5)}_lm.mat: leads out of the root folder" in dataset.partial("train")
    assert f"{picture(small, DISGUST).name}: leads out of the root folder" in dataset.partial("valid")
    assert "_lm.mat: not a regular file" in dataset.partial("test")
    assert [len(listing.pairs) for listing in map(dataset.listing, COUNTS)] == [0, 0, 0]


def test_an_empty_folder_says_what_is_expected(tmp_path):
    with pytest.raises(InputError, match=f"{PICTURES}: no such folder; {LABELS}: no such folder; expected below it"):
        MultiPIE(tmp_path, allow_partial=True).split("train")
    with pytest.raises(InputError, match="licence for research") as caught:
        DATASETS["multipie"](cache=None, root=None, allow_partial=False)
    assert LABELS in str(caught.value)
