"""HGR1 on small copies in the distribution's layout, whole and broken."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core_eval import Dataset, InputError
from data_real.hgr1 import ANNOTATIONS, COUNTS, GESTURES, HGR1, IMAGES, SUBJECTS, read_hand
from data_real.plugin import DATASETS

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 32, 3), dtype=np.uint8)
CATEGORIES = [f"Point {letter}" for letter in "WVUTSRQPONMLKJIHGFEDCBA"]  # 23, in the order of the files, not of names
HIDDEN = {"Point W", "Point A", "Point C"}


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(IMAGE).save(stream, kind)
    return stream.getvalue()


JPEG = encoded("JPEG")


def place(category: str) -> tuple[int, int]:
    """Where a category lies in every image: not two in one place."""
    return 2 + ord(category[-1]) - ord("A"), 30 - (ord(category[-1]) - ord("A"))


def hand(categories=CATEGORIES, hidden=(), wrist=((4, 36), (25, 37)), size=(32, 40)) -> bytes:
    points = [("Wrist", *wrist[0]), *((name, *place(name)) for name in categories if name not in hidden)]
    points += [("Wrist", *one) for one in wrist[1:]]
    rows = "".join(f'<FeaturePoint category="{name}" x="{x}" y="{y}" />\n' for name, x, y in points)
    return f'<IMAGE WIDTH="{size[0]}" HEIGHT="{size[1]}">\n<hand>\n{rows}</hand>\n<hand/>\n</IMAGE>\n'.encode()


def write(root: Path, names, annotation: bytes = b"") -> None:
    for folder, suffix, content in ((IMAGES, ".jpg", JPEG), (ANNOTATIONS, ".xml", annotation or hand())):
        (root / folder).mkdir(parents=True, exist_ok=True)
        first = root / folder / f".first{suffix}"
        first.write_bytes(content)
        for name in names:
            (root / folder / f"{name}{suffix}").unlink(missing_ok=True)
            os.link(first, root / folder / f"{name}{suffix}")
        first.unlink()


def names(split: str) -> list[str]:
    """As many names as the split has images, the gestures in turn."""
    people = SUBJECTS[split]
    return [
        f"{GESTURES[number % 27]}_P_hgr1_id{people[number % len(people)]:02d}_{1 + number // 27}"
        for number in range(COUNTS[split])
    ]


@pytest.fixture(scope="module")
def complete(tmp_path_factory) -> Path:
    """A copy with the published counts and the 899th image, which has no annotation; not to be altered."""
    root = tmp_path_factory.mktemp("hgr1")
    write(root, [name for split in COUNTS for name in names(split)])
    shutil.copy(root / IMAGES / f"{names('test')[0]}.jpg", root / IMAGES / "Z_P_hgr1_id12_9.jpg")
    return root


@pytest.fixture
def small(tmp_path) -> Path:
    """Four images, to be altered."""
    root = tmp_path / "root"
    write(root, ["A_P_hgr1_id01_1", "Z_P_hgr1_id08_10", "5_P_hgr1_id12_2"])
    write(root, ["C_P_hgr1_id09_1"], hand(hidden=HIDDEN))
    return root


def test_complete_copy_has_the_counts_of_the_paper(complete):
    dataset = HGR1(complete)
    assert isinstance(dataset, Dataset)
    assert {name: len(dataset.split(name)) for name in COUNTS} == COUNTS
    assert [dataset.partial(name) for name in COUNTS] == [""] * 3
    assert len({dataset.fingerprint(name) for name in COUNTS}) == 3
    groups = {split: {dataset.split(split)[index].group for index in range(0, 60)} for split in COUNTS}
    assert {split: len(people) for split, people in groups.items()} == {"train": 8, "valid": 2, "test": 2}
    assert not groups["train"] & groups["valid"]
    assert not groups["valid"] & groups["test"]
    report = dataset.verify()
    assert report.complete
    assert report.notes == (f"{IMAGES}/Z_P_hgr1_id12_9.jpg: the image has no annotation",)
    assert report.notes[0] in str(report)


def test_sample_has_the_arrays_of_the_stand_in(small):
    sample = HGR1(small, allow_partial=True).split("test")[0]
    assert sample.id == "C_P_hgr1_id09_1"
    assert sample.group == "subject-09"
    assert set(sample.inputs) == {"image", "box"}
    assert sample.inputs["image"].shape == IMAGE.shape
    target = sample.target
    assert set(target) == {"points", "visible", "label", "subject"}
    assert (target["points"].shape, target["points"].dtype) == ((25, 2), np.float64)
    assert (int(target["label"]), int(target["subject"])) == (GESTURES.index("C"), 9)
    assert target["label"].dtype == target["subject"].dtype == np.int64
    np.testing.assert_array_equal(target["points"][[0, 24]], [(4, 36), (25, 37)])
    known = [(name, place(name)) for name in sorted(CATEGORIES)]  # points 2 to 24: the alphabet
    for index, (name, where) in enumerate(known, start=1):
        assert target["visible"][index] == (name not in HIDDEN)
        np.testing.assert_array_equal(target["points"][index], (np.nan, np.nan) if name in HIDDEN else where)
    seen = target["points"][target["visible"]]
    np.testing.assert_array_equal(sample.inputs["box"], [*seen.min(0), *seen.max(0)])


def test_a_list_of_landmarks_orders_the_points(small):
    before = HGR1(small, allow_partial=True)
    first = before.fingerprint("train")
    (small / "landmarks.txt").write_text("\n".join(["Wrist", *CATEGORIES, "Wrist", ""]))
    after = HGR1(small, allow_partial=True)
    assert after.fingerprint("train") != first
    points = after.split("train")[0].target["points"]
    np.testing.assert_array_equal(points[1:-1], [place(name) for name in CATEGORIES])
    np.testing.assert_array_equal(points[[0, -1]], before.split("train")[0].target["points"][[0, -1]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Wrist\nPoint A\nWrist\n", "expected 25 categories"),
        ("", "expected 25 categories"),
        ("\n".join([*CATEGORIES, "Wrist", "Wrist"]), "Wrist first and last"),
        ("\n".join(["Wrist", *CATEGORIES[:-1], CATEGORIES[0], "Wrist"]), "the others different"),
        ("\n".join(["Wrist", *CATEGORIES[:-1], "Point 1", "Wrist"]), "'Point A' is not in the list"),
        ("\xff\xfe", "cannot be read"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(small, text, message):
    (small / "landmarks.txt").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=message) as caught:
        HGR1(small, allow_partial=True).split("train")
    assert caught.value.file == small / "landmarks.txt"


def test_more_categories_than_landmarks_are_refused(small):
    write(small, ["B_P_hgr1_id01_1"], hand([*CATEGORIES[1:], "Point Z"]))
    with pytest.raises(InputError, match=r"24 categories beside Wrist where 23 are expected: Point A, .*, Point Z"):
        HGR1(small, allow_partial=True).split("test")


def test_a_partial_copy_is_refused_or_declared(small):
    with pytest.raises(
        InputError, match="split 'train' of hgr1 is incomplete: train: 2 of 573 annotated images; a part"
    ):
        HGR1(small).split("train")
    with pytest.raises(InputError, match="162"):
        HGR1(small).fingerprint("test")
    dataset = HGR1(small, allow_partial=True)
    assert dataset.partial("train") == "train: 2 of 573 annotated images"
    assert [pair.id for pair in dataset.split("train").pairs] == ["A_P_hgr1_id01_1", "Z_P_hgr1_id08_10"]
    assert len(dataset.split("train")[1:]) == 1
    with pytest.raises(InputError, match="unknown split 'tset'"):
        dataset.split("tset")
    rows = {row["split"]: (row["found"], row["missing"], row["status"]) for row in dataset.verify().rows()}
    assert rows == {
        "train": (2, 571, "incomplete"), "valid": (1, 162, "incomplete"), "test": (1, 161, "incomplete"),
    }  # fmt: skip


def test_a_category_that_no_image_shows_is_missing(small):
    for file in (small / ANNOTATIONS).iterdir():
        file.unlink()
        file.write_bytes(hand(hidden={"Point A"}))
    assert HGR1(small, allow_partial=True).partial("test").endswith("; 22 of 23 categories of points beside Wrist")


@pytest.mark.parametrize("arrangement", ["short", "deeper", "case"])
def test_ids_and_fingerprint_do_not_depend_on_the_arrangement_of_the_copy(small, tmp_path, arrangement):
    other = tmp_path / "other"
    if arrangement == "short":
        shutil.copytree(small / IMAGES, other / "original_images")
        shutil.copytree(small / ANNOTATIONS, other / "feature_points")
    elif arrangement == "deeper":
        shutil.copytree(small, other / "gestures")
    else:
        shutil.copytree(small / IMAGES, other / "HGR1_Images" / "Original_images")
        shutil.copytree(small / ANNOTATIONS, other / ANNOTATIONS)
        (other / ANNOTATIONS / "C_P_hgr1_id09_1.xml").rename(other / ANNOTATIONS / "C_P_hgr1_id09_1.XML")
    one, two = (HGR1(root, allow_partial=True) for root in (small, other))
    assert [one.fingerprint(split) for split in COUNTS] == [two.fingerprint(split) for split in COUNTS]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda root: (root / IMAGES / "A_P_hgr1_id01_1.jpg").unlink(), "A_P_hgr1_id01_1.xml: the annotation has no"),
        (lambda root: (root / ANNOTATIONS / "A_P_hgr1_id01_1.xml").unlink(), "A_P_hgr1_id01_1.jpg: the image has no"),
        (lambda root: (root / IMAGES / "A_P_hgr1_id01_1.JPG").write_bytes(JPEG), "2 images for one annotation"),
        (lambda root: (root / ANNOTATIONS / "A_P_hgr1_id01_1.XML").write_bytes(hand()), "2 annotations for one image"),
        (lambda root: write(root, ["A_P_hgr1_id01_1"], b"<!DOCTYPE a><IMAGE/>"), "declares a document type"),
        (lambda root: write(root, ["A_P_hgr1_id01_1"], hand()[:-40]), "not well-formed"),
        (lambda root: write(root, ["A_P_hgr1_id01_1"], hand(CATEGORIES[:14])), "16 points where 17 to 25 are expected"),
        (lambda root: write(root, ["A_P_hgr1_id01_1"], hand([*CATEGORIES, "Z"])), "26 points where 17 to 25"),
        (lambda root: write(root, ["A_P_hgr1_id01_1"], hand(wrist=((1, 2),))), "1 points of the category Wrist"),
        (
            lambda root: write(root, ["A_P_hgr1_id01_1"], hand([*CATEGORIES[:20], "Point W"])),
            "the category 'Point W' is there 2 times",
        ),
    ],
)  # fmt: skip
def test_an_image_without_a_usable_annotation_is_left_out_and_named(small, damage, problem):
    damage(small)
    dataset = HGR1(small, allow_partial=True)
    assert [pair.id for pair in dataset.split("train").pairs] == ["Z_P_hgr1_id08_10"]
    assert problem in dataset.partial("train")
    assert problem not in dataset.partial("test")
    assert any(problem in text for text in dataset.verify().problems)
    with pytest.raises(InputError, match="1 of 573"):
        HGR1(small).split("train")


@pytest.mark.parametrize("name", ["Q_P_hgr1_id01_1", "A_P_hgr1_id13_1", "A_hgr1_id01_1", "a_P_hgr1_id01_1", "holiday"])
def test_a_name_without_labels_is_a_problem_of_every_split(small, name):
    write(small, [name])
    dataset = HGR1(small, allow_partial=True)
    for split in COUNTS:
        assert f"{name}.xml: gesture and subject cannot be read from the name" in dataset.partial(split)
    assert sum(len(dataset.split(split)) for split in COUNTS) == 4


@pytest.mark.parametrize(
    ("damage", "file", "message"),
    [
        (lambda root: write(root, ["C_P_hgr1_id09_1"], hand(size=(33, 40))), ANNOTATIONS, "33 x 40 px, not 32 x 40"),
        (
            lambda root: write(root, ["C_P_hgr1_id09_1"], hand([], wrist=((90, 90), (99, 90))).replace(
                b"</hand>", b"".join(b'<FeaturePoint category="%d" x="95" y="%d"/>' % (k, k + 50) for k in range(20))
                + b"</hand>")),
            ANNOTATIONS, "no annotated point lies inside",
        ),
        (lambda root: (root / IMAGES / "C_P_hgr1_id09_1.jpg").write_bytes(JPEG[:300]), IMAGES, "image"),
        (lambda root: (root / IMAGES / "C_P_hgr1_id09_1.jpg").write_bytes(b"GIF89a"), IMAGES, "not a PNG or JPEG"),
    ],
)  # fmt: skip
def test_a_broken_image_or_a_wrong_annotation_is_an_error_at_its_sample(small, damage, file, message):
    (small / IMAGES / "C_P_hgr1_id09_1.jpg").unlink()  # no longer a link to the others
    (small / IMAGES / "C_P_hgr1_id09_1.jpg").write_bytes(JPEG)
    for other in ("A_P_hgr1_id01_1", "Z_P_hgr1_id08_10", "5_P_hgr1_id12_2"):
        if message.startswith("no annotated"):
            (small / ANNOTATIONS / f"{other}.xml").unlink()
    damage(small)
    dataset = HGR1(small, allow_partial=True)
    with pytest.raises(InputError, match=message) as caught:
        dataset.split("test")[0]
    assert caught.value.sample == "C_P_hgr1_id09_1"
    assert Path(str(caught.value.file)).parent == small / file
    report = dataset.verify()
    assert report.splits[2].broken == 1
    assert any(text.startswith("C_P_hgr1_id09_1: ") for text in report.problems)


def test_links_out_of_the_root_and_pipes_are_not_opened(small, tmp_path):
    secret = tmp_path / "secret.xml"
    secret.write_bytes(hand())
    (small / ANNOTATIONS / "A_P_hgr1_id01_1.xml").unlink()
    (small / ANNOTATIONS / "A_P_hgr1_id01_1.xml").symlink_to(secret)
    (small / ANNOTATIONS / "Z_P_hgr1_id08_10.xml").unlink()
    os.mkfifo(small / ANNOTATIONS / "Z_P_hgr1_id08_10.xml")
    dataset = HGR1(small, allow_partial=True)
    with pytest.raises(InputError) as caught:
        dataset.split("train")
    assert "A_P_hgr1_id01_1.xml: leads out of the root folder" in str(caught.value)
    assert "Z_P_hgr1_id08_10.xml: not a regular file" in str(caught.value)
    shutil.move(small / IMAGES, tmp_path / "images")
    (small / IMAGES).symlink_to(tmp_path / "images")
    assert f"{IMAGES}: leads out of the root folder" in HGR1(small, allow_partial=True).partial("test")


def test_an_empty_folder_says_what_is_expected(tmp_path):
    with pytest.raises(InputError, match=f"{IMAGES}: no such folder; {ANNOTATIONS}: no such folder; expected below it"):
        HGR1(tmp_path, allow_partial=True).split("train")
    assert {row["status"] for row in HGR1(tmp_path).verify().rows()} == {"absent"}
    with pytest.raises(InputError, match="free for research") as caught:
        DATASETS["hgr1"](cache=None, root=None, allow_partial=False)
    assert IMAGES in str(caught.value)


def test_a_hand_may_have_its_wrist_anywhere_in_the_file(tmp_path):
    file = tmp_path / "a.xml"
    file.write_bytes(hand(wrist=((1, 2), (3, 4))))
    assert read_hand(file).categories[0] == read_hand(file).categories[-1] == "Wrist"
