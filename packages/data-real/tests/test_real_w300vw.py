"""300-VW on a copy in the distribution's layout: two short videos, complete, with a frame missing, and one too many."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from core_eval import Dataset, InputError
from core_eval.pts import format_pts
from data_real import w300vw as reader
from data_real.plugin import DATASETS
from data_real.w300vw import CATEGORIES, SPLITS, W300VW, Videos

FRAMES = 6
POINTS = np.random.default_rng(0).uniform(5, 40, (68, 2)).round(2)


def write_video(path: Path, frames: int) -> None:
    """Frame k (from 1) is a grey of 20 k with a white square at (4 k, 10); nearly lossless."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, (64, 48))
    assert writer.isOpened()
    for number in range(1, frames + 1):
        picture = np.full((48, 64, 3), 20 * number, np.uint8)
        picture[10:18, 4 * number : 4 * number + 8] = 255
        picture[30:46, 40:60] = (200, 0, 0)  # blue in OpenCV's order
        writer.write(picture)
    writer.release()


@pytest.fixture(scope="session")
def film(tmp_path_factory) -> dict[int, Path]:
    """Videos by their number of frames."""
    folder = tmp_path_factory.mktemp("films")
    made = {frames: folder / f"{frames}.avi" for frames in (FRAMES - 1, FRAMES, FRAMES + 1)}
    for frames, path in made.items():
        write_video(path, frames)
    return made


@pytest.fixture
def copy(tmp_path: Path, film: dict[int, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of two videos, which stand for all of the test set."""
    few = {"test": ("114", "203"), "category-1": ("114",), "category-2": ("203",)}
    monkeypatch.setattr(W300VW, "splits", few)
    for video in few["test"]:
        annotations = tmp_path / "300VW" / video / "annot"
        annotations.mkdir(parents=True)
        shutil.copy(film[FRAMES], annotations.parent / "vid.avi")
        for number in range(1, FRAMES + 1):
            (annotations / f"{number:06d}.pts").write_text(format_pts(POINTS + number), "utf-8")
    return tmp_path


def shown(image: np.ndarray) -> int:
    """The number of the frame that is seen."""
    return round(float(image[24:28, :8].mean()) / 20)


def test_the_test_set_has_the_published_videos() -> None:
    assert {category: len(videos) for category, videos in CATEGORIES.items()} == {1: 31, 2: 19, 3: 14}
    assert len(set(SPLITS["test"])) == 64
    assert all(set(SPLITS[f"category-{category}"]) <= set(SPLITS["test"]) for category in CATEGORIES)


def test_every_frame_comes_with_its_own_landmarks(copy: Path) -> None:
    dataset = W300VW(copy)
    assert isinstance(dataset, Dataset)
    frames = dataset.split("test")
    assert len(frames) == 2 * FRAMES
    for sample in frames:
        number = int(sample.target["frame"])
        assert sample.id == f"{sample.group}/{number:06d}"
        assert sample.inputs["image"].shape == (48, 64, 3)
        assert shown(sample.inputs["image"]) == number
        np.testing.assert_allclose(sample.target["points"], POINTS + number, atol=1e-6)
    assert [int(sample.target["category"]) for sample in frames] == [1] * FRAMES + [2] * FRAMES
    red, _, blue = frames[0].inputs["image"][38, 50].astype(int)
    assert blue > 150 > 50 > red, "RGB"


def test_any_order_gives_the_same_frames(copy: Path) -> None:
    frames = W300VW(copy).split("test")
    for index in (7, 3, 4, 11, 0, 0, 6):
        assert shown(frames[index].inputs["image"]) == index % FRAMES + 1
    assert [sample.id for sample in frames[2:4]] == ["114/000003", "114/000004"]


@pytest.mark.parametrize("frames", [FRAMES - 1, FRAMES + 1])
def test_a_video_with_another_number_of_frames_is_refused(copy: Path, film: dict[int, Path], frames: int) -> None:
    shutil.copy(film[frames], copy / "300VW" / "203" / "vid.avi")
    dataset = W300VW(copy)
    with pytest.raises(InputError, match=f"203: {FRAMES} annotations, but {frames} frames"):
        dataset.split("test")
    assert len(dataset.split("category-1")) == FRAMES, "a split needs only its own videos"
    found = W300VW(copy, allow_partial=True)
    assert f"{frames} frames" in found.partial("test")
    for sample in found.split("test"):
        assert shown(sample.inputs["image"]) == int(sample.target["frame"]), "nothing is shifted"
    assert not dataset.verify().complete


def test_a_missing_annotation_is_named_and_shifts_nothing(copy: Path) -> None:
    (copy / "300VW" / "114" / "annot" / "000003.pts").unlink()
    with pytest.raises(InputError, match="no annotation of frame 3"):
        W300VW(copy).split("test")
    partial = W300VW(copy, allow_partial=True).split("category-1")
    assert [int(sample.target["frame"]) for sample in partial] == [1, 2, 4, 5, 6]
    assert all(shown(sample.inputs["image"]) == int(sample.target["frame"]) for sample in partial)


@pytest.mark.parametrize(("told", "message"), [(FRAMES + 1, "ends after 6"), (FRAMES - 1, "goes on after its 5")])
def test_a_container_that_tells_another_number_than_it_holds(
    film: dict[int, Path], monkeypatch: pytest.MonkeyPatch, told: int, message: str
) -> None:
    monkeypatch.setattr(reader, "_told", lambda _: told)
    with pytest.raises(InputError, match=message):
        Videos().frame(film[FRAMES], told)


def test_a_file_that_is_no_video_and_a_folder_without_one(copy: Path) -> None:
    video = copy / "300VW" / "114" / "vid.avi"
    video.write_bytes(b"not a video")
    with pytest.raises(InputError, match="not a video"):
        W300VW(copy).split("test")
    video.unlink()
    with pytest.raises(InputError, match=r"114: vid\.avi"):
        W300VW(copy).split("test")
    shutil.rmtree(video.parent)
    with pytest.raises(InputError, match="114: no such folder"):
        W300VW(copy).split("test")


def test_fingerprints_follow_annotations(copy: Path) -> None:
    before = W300VW(copy).fingerprint("test")
    assert before == W300VW(copy / "300VW").fingerprint("test") != W300VW(copy).fingerprint("category-1")
    (copy / "300VW" / "114" / "annot" / "000002.pts").write_text(format_pts(POINTS), "utf-8")
    assert W300VW(copy).fingerprint("test") != before


def test_without_a_root_it_says_how_to_get_the_data() -> None:
    with pytest.raises(InputError, match="Request it"):
        DATASETS["300vw"](root=None)
