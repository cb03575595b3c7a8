"""300-W on copies written in the distribution's format, complete and broken in every way we could think of."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core_eval import Dataset, InputError
from core_eval.pts import format_pts
from data_real.plugin import DATASETS
from data_real.w300 import PARTS, SPLITS, W300, group

SIZES = {"train": 3148, "common": 554, "challenging": 135, "full": 689, "test": 600, "test-indoor": 300}
POINTS = np.random.default_rng(0).uniform(2, 30, (68, 2)).round(3)
IMAGE = np.random.default_rng(1).integers(0, 256, (40, 32, 3), dtype=np.uint8)


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(IMAGE).save(stream, kind)
    return stream.getvalue()


FILES = {".png": encoded("PNG"), ".jpg": encoded("JPEG"), ".pts": format_pts(POINTS).encode()}


def stems(part: str, faces: int) -> list[str]:
    """Names as the distribution has them: numbered, photographs with several faces, one name with a blank."""
    if part.startswith("300W/"):
        return [f"{PARTS[part].prefix}_{number:03d}" for number in range(1, faces + 1)]
    if part == "ibug":
        return ["image_092 _01", "image_003_1", *(f"image_{number:03d}" for number in range(100, 98 + faces))]
    if part.startswith("lfpw"):
        return [f"image_{number:04d}" for number in range(1, faces + 1)]
    return [f"{1000 + number // 2}_{1 + number % 2}" for number in range(faces)]


def write_part(root: Path, part: str, faces: int) -> Path:
    folder = root / part
    folder.mkdir(parents=True)
    image = ".png" if part.startswith(("lfpw", "300W")) else ".jpg"
    for suffix in (image, ".pts"):
        (folder / f".first{suffix}").write_bytes(FILES[suffix])  # a hidden file, which also must not count
        for stem in stems(part, faces):
            os.link(folder / f".first{suffix}", folder / f"{stem}{suffix}")
    return folder


@pytest.fixture(scope="module")
def complete(tmp_path_factory) -> Path:
    """A complete copy of tiny images; not to be altered."""
    root = tmp_path_factory.mktemp("w300")
    for part in PARTS.values():
        write_part(root, part.name, part.faces)
    (root / "Bounding Boxes").mkdir()
    (root / "afw" / "Thumbs.db").write_bytes(b"x")
    return root


@pytest.fixture
def small(tmp_path) -> Path:
    """The ibug folder with 3 of its 135 faces, to be altered."""
    folder = write_part(tmp_path / "root", "ibug", 3)
    for file in list(folder.iterdir()):  # no longer links: one can be changed without the others
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
    return folder


def replace(file: Path, content: bytes) -> None:
    file.unlink(missing_ok=True)
    file.write_bytes(content)


def test_complete_copy_has_the_published_counts(complete):
    dataset = W300(complete)
    assert isinstance(dataset, Dataset)
    assert {name: len(dataset.split(name)) for name in SIZES} == SIZES
    assert [dataset.partial(name) for name in SPLITS] == [""] * len(SPLITS)
    assert len({dataset.fingerprint(name) for name in SPLITS}) == len(SPLITS)
    for name in SPLITS:
        ids = [pair.id for pair in dataset.split(name).pairs]
        assert len(set(ids)) == len(ids)
    trained = {pair.id for pair in dataset.split("train").pairs}
    for name in ("full", "test"):
        assert trained.isdisjoint(pair.id for pair in dataset.split(name).pairs)


def test_sample_is_the_image_and_its_zero_based_points(complete):
    sample = W300(complete).split("test")[0]
    assert sample.id == sample.group == "300W/01_Indoor/indoor_001"
    np.testing.assert_array_equal(sample.inputs["image"], IMAGE)
    np.testing.assert_allclose(sample.target["points"], POINTS, rtol=0, atol=1e-9)
    assert set(sample.inputs) == {"image"}
    assert set(sample.target) == {"points"}


@pytest.mark.parametrize("split", SPLITS)
def test_faces_of_the_public_test_set_come_with_the_tight_box_of_their_points(complete, split):
    sample = W300(complete).split(split)[-1]
    if split not in ("common", "challenging", "full"):
        assert set(sample.inputs) == {"image"}
        return
    assert set(sample.inputs) == {"image", "box"}
    x, y = sample.target["points"].T
    np.testing.assert_array_equal(sample.inputs["box"], [x.min(), y.min(), x.max(), y.max()])
    assert sample.inputs["box"].dtype == np.float64


def test_split_is_a_lazy_sequence(complete, monkeypatch):
    opened = []
    monkeypatch.setattr(W300, "read", lambda _dataset, pair, _split: opened.append(pair))
    faces = W300(complete).split("train")
    assert len(faces[10:30][::2][:-1]) == 9
    assert not opened
    faces[-1], faces[10:30][1], next(iter(faces))
    assert [pair.id for pair in opened] == [faces.pairs[index].id for index in (-1, 11, 0)]
    with pytest.raises(IndexError):
        faces[3148]


@pytest.mark.parametrize(
    ("sample", "photograph"),
    [
        ("afw/name_1", "afw/name"),
        ("afw/name_12", "afw/name"),
        ("helen/trainset/100032540_2", "helen/trainset/100032540"),
        ("ibug/image_092 _01", "ibug/image_092"),
        ("ibug/image_092_1", "ibug/image_092"),
        ("ibug/image_006", "ibug/image_006"),
        ("lfpw/testset/image_0001", "lfpw/testset/image_0001"),
        ("300W/02_Outdoor/outdoor_017", "300W/02_Outdoor/outdoor_017"),
    ],
)
def test_group_is_the_photograph(sample, photograph):
    assert group(sample) == photograph


@pytest.mark.parametrize(
    "arrangement", ["parent", "case", "parent-named-300W", "competition-only", "competition-parent"]
)
def test_ids_and_fingerprint_do_not_depend_on_the_arrangement_of_the_copy(complete, tmp_path, arrangement):
    """The root may be the parent, the case may differ, and the competition set may be a folder of its own."""
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "readme.txt").write_text("not a folder")
    if arrangement == "parent":
        shutil.copytree(complete / "300W", tmp_path / "data" / "300W")
        shutil.copytree(complete / "ibug", tmp_path / "data" / "ibug")
    elif arrangement == "case":
        shutil.copytree(complete / "300W", tmp_path / "300w")
        (tmp_path / "300w" / "01_Indoor").rename(tmp_path / "300w" / "01_indoor")
    elif arrangement == "parent-named-300W":
        for part in ("300W/01_Indoor", "300W/02_Outdoor", "ibug", "afw"):
            shutil.copytree(complete / part, tmp_path / "300W" / part.removeprefix("300W/"))
    elif arrangement == "competition-only":
        shutil.copytree(complete / "300W", tmp_path, dirs_exist_ok=True)
    else:
        shutil.copytree(complete / "300W", tmp_path / "300W")
    assert W300(tmp_path).fingerprint("test") == W300(complete).fingerprint("test")
    if arrangement.startswith("parent"):
        assert len(W300(tmp_path).split("challenging")) == 135
    with pytest.raises(InputError, match="common"):
        W300(tmp_path).split("common")


def test_two_folders_that_differ_by_case_are_refused_unless_one_is_exact(small):
    (small.parent / "Ibug").mkdir()
    assert len(W300(small.parent, allow_partial=True).split("challenging")) == 3
    (small.parent / "IBUG").mkdir()
    shutil.rmtree(small)
    with pytest.raises(InputError, match="differ only by case: IBUG, Ibug"):
        W300(small.parent, allow_partial=True).split("challenging")


def test_incomplete_copy_is_refused_or_declared(small):
    with pytest.raises(
        InputError, match="split 'challenging' of 300w is incomplete: ibug: 3 of 135 annotated images; a partial copy"
    ):
        W300(small.parent).split("challenging")
    with pytest.raises(InputError, match="ibug: 3 of 135"):
        W300(small.parent).fingerprint("challenging")
    partial = W300(small.parent, allow_partial=True)
    assert [sample.id for sample in partial.split("challenging")] == [
        "ibug/image_003_1", "ibug/image_092 _01", "ibug/image_100",
    ]  # fmt: skip
    assert partial.partial("challenging") == "ibug: 3 of 135 annotated images"


def test_absent_competition_images_are_named(complete, tmp_path):
    shutil.copytree(complete / "300W", tmp_path / "300W")
    for suffix in (".png", ".pts"):
        (tmp_path / f"300W/01_Indoor/indoor_007{suffix}").unlink()
    dataset = W300(tmp_path, allow_partial=True)
    expected = "300W/01_Indoor: 299 of 300 annotated images; 300W/01_Indoor/indoor_007: absent"
    assert dataset.partial("test") == dataset.partial("test-indoor") == expected
    assert dataset.partial("test-outdoor") == ""
    assert len(dataset.split("test")) == 599
    assert dataset.fingerprint("test") != W300(complete).fingerprint("test")
    for number in range(20, 31):
        (tmp_path / f"300W/02_Outdoor/outdoor_{number:03d}.pts").unlink()
        (tmp_path / f"300W/02_Outdoor/outdoor_{number:03d}.png").unlink()
    run = "300W/02_Outdoor/outdoor_020 to 300W/02_Outdoor/outdoor_030: absent"
    assert dataset.partial("test-outdoor") == f"300W/02_Outdoor: 289 of 300 annotated images; {run}"


def test_surplus_is_not_the_published_split_either(complete, tmp_path):
    shutil.copytree(complete / "ibug", tmp_path / "ibug")
    for suffix in (".jpg", ".pts"):
        (tmp_path / f"ibug/mine{suffix}").write_bytes(FILES[suffix])
    with pytest.raises(InputError, match="136 of 135"):
        W300(tmp_path).split("challenging")


def test_a_split_without_any_face_is_an_error_even_when_partial(tmp_path):
    with pytest.raises(InputError, match="afw: no such folder; expected below it: lfpw"):
        W300(tmp_path, allow_partial=True).split("train")
    with pytest.raises(InputError, match="no such folder"):
        W300(tmp_path / "none")
    with pytest.raises(InputError, match="unknown split 'tset'"):
        W300(tmp_path).split("tset")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda ibug: (ibug / "image_100.jpg").unlink(), "ibug/image_100.pts: the annotation has no image"),
        (lambda ibug: (ibug / "image_100.pts").unlink(), "ibug/image_100.jpg: the image has no annotation"),
        (
            lambda ibug: (ibug / "image_100.PNG").write_bytes(FILES[".png"]),
            "ibug/image_100.PNG: 2 images for one annotation: image_100.PNG, image_100.jpg",
        ),
        (
            lambda ibug: (ibug / "image_100.PTS").write_bytes(FILES[".pts"]),
            "ibug/image_100.jpg: 2 annotations for one image: image_100.PTS, image_100.pts",
        ),
    ],
)
def test_mismatch_of_images_and_annotations_is_reported_and_left_out(small, damage, problem):
    damage(small)
    dataset = W300(small.parent, allow_partial=True)
    assert dataset.partial("challenging") == f"ibug: 2 of 135 annotated images; {problem}"
    assert [pair.id for pair in dataset.split("challenging").pairs] == ["ibug/image_003_1", "ibug/image_092 _01"]
    with pytest.raises(InputError) as caught:
        W300(small.parent).split("challenging")
    assert problem in str(caught.value)


def test_upper_case_suffixes_are_read(small):
    (small / "image_100.jpg").rename(small / "image_100.JPG")
    (small / "image_100.pts").rename(small / "image_100.PTS")
    sample = W300(small.parent, allow_partial=True).split("challenging")[2]
    assert sample.id == "ibug/image_100"
    assert sample.inputs["image"].shape == (40, 32, 3)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("image_100.pts", FILES[".pts"][:400], "line"),
        ("image_100.pts", format_pts(POINTS[:67]).encode(), "line 2: n_points is 67"),
        ("image_100.pts", FILES[".pts"].replace(b"{\n", b"{\nnan nan\n"), "not finite"),
        ("image_100.pts", format_pts(POINTS + 100).encode(), "no annotated point lies inside the 32 x 40 image"),
        ("image_100.jpg", FILES[".jpg"][:300], "image"),
        ("image_100.jpg", b"junk", "not a PNG or JPEG"),
    ],
)
def test_broken_file_is_an_error_at_its_sample_and_counted_by_verify(small, file, content, message):
    replace(small / file, content)
    dataset = W300(small.parent, allow_partial=True)
    faces = dataset.split("challenging")
    assert faces[0].id == "ibug/image_003_1"
    with pytest.raises(InputError, match=message) as caught:
        faces[2]
    assert str(small / file) in str(caught.value)
    report = dataset.verify()
    row = next(row for row in report.rows() if row["split"] == "challenging")
    assert row == {
        "split": "challenging", "expected": 135, "found": 2, "missing": 132, "broken": 1, "status": "incomplete",
    }  # fmt: skip
    assert [problem for problem in report.problems if problem.startswith("ibug/image_100: ")]
    assert not report.complete


def test_links_out_of_the_root_are_not_followed(small, tmp_path):
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(FILES[".jpg"])
    (small / "image_100.jpg").unlink()
    (small / "image_100.jpg").symlink_to(secret)
    dataset = W300(small.parent, allow_partial=True)
    assert "ibug/image_100.jpg: leads out of the root folder" in dataset.partial("challenging")
    assert len(dataset.split("challenging")) == 2
    (small / "image_100.jpg").unlink()
    (small / "image_100.jpg").symlink_to(small / "image_003_1.jpg")
    assert len(dataset.split("challenging")) == 3, "a link inside the root is fine"


def test_a_folder_that_is_a_link_out_of_the_root_is_not_followed(small, tmp_path):
    root = tmp_path / "other"
    root.mkdir()
    (root / "ibug").symlink_to(small)
    with pytest.raises(InputError, match="ibug: leads out of the root folder"):
        W300(root, allow_partial=True).split("challenging")
    (tmp_path / "link").symlink_to(small.parent)
    assert len(W300(tmp_path / "link", allow_partial=True).split("challenging")) == 3, "the root itself may be a link"


def test_fingerprint_follows_names_sizes_and_annotations(small):
    def fingerprint() -> str:
        return W300(small.parent, allow_partial=True).fingerprint("challenging")

    seen = [fingerprint()]
    assert fingerprint() == seen[0]
    replace(small / "image_100.pts", format_pts(POINTS + 0.5).encode())
    seen.append(fingerprint())
    replace(small / "image_100.jpg", FILES[".jpg"] + b"\x00")
    seen.append(fingerprint())
    for suffix in (".jpg", ".pts"):
        (small / f"image_100{suffix}").rename(small / f"image_101{suffix}")
    seen.append(fingerprint())
    assert len(set(seen)) == 4


def test_verify_opens_every_file_of_a_complete_copy(complete):
    calls = []
    report = W300(complete).verify(progress=lambda done, total: calls.append((done, total)))
    assert report.complete
    assert report.problems == ()
    assert [row["status"] for row in report.rows()] == ["complete"] * len(SPLITS)
    assert {row["split"]: row["found"] for row in report.rows()} == SIZES | {"test-outdoor": 300}
    assert calls[-1] == (4437, 4437)
    assert len(calls) == 4437
    assert "train         complete    expected 3148  found 3148  missing    0  broken    0" in str(report)


def test_verify_of_an_empty_folder_says_that_all_is_absent(tmp_path):
    report = W300(tmp_path).verify()
    assert {row["status"] for row in report.rows()} == {"absent"}
    assert "  ibug: no such folder" in str(report)


def test_long_lists_of_problems_are_cut(small):
    for number in range(200, 230):
        (small / f"image_{number}.pts").write_bytes(FILES[".pts"])
    text = W300(small.parent, allow_partial=True).partial("challenging")
    assert text.endswith("; and 23 more")
    assert "\n" not in text


def test_factory_says_how_to_get_the_data(complete):
    with pytest.raises(InputError, match="research use only") as caught:
        DATASETS["300w"](cache=None, root=None, allow_partial=False)
    assert "helen/{trainset,testset}" in str(caught.value)
    dataset = DATASETS["300w"](cache=None, root=complete, allow_partial=True)
    assert (dataset.name, dataset.kind) == ("300w", "real")
