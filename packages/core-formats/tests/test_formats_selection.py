"""How a format is found, and how predictions become the one schema that is saved."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core_eval import InputError, LazyFactory, load_predictions, save_predictions
from core_eval.candidates import gather
from core_formats import Format, Prediction, detect, none_found, pooled, read, renamed
from core_formats.plugin import FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_keeps_the_contract(name: str, tmp_path: Path) -> None:
    reader = FORMATS[name]()
    assert isinstance(reader, Format)
    assert reader.name == name
    assert 20 < len(reader.about) < 120
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "absent.json", tmp_path / "empty", Path("nul\0byte")):
        assert not reader.recognises(path)
        with pytest.raises(InputError):
            list(reader.read(path))


def test_formats_are_found_through_the_entry_point() -> None:
    (entry,) = [entry for entry in metadata.entry_points(group="bench.plugins") if entry.name == "core-formats"]
    assert entry.load().FORMATS is FORMATS


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"hello"),
        ("p.json", b"{}"),
        ("p.json", b""),
        ("p.json", b'[{"other": 1}]'),
        ("p.csv", b"name;x;y\n"),
        ("p.mat", b"MATLAB 5.0"),
        ("p.mat", b"\x89HDF\r\n\x1a\n" + bytes(600)),
        ("p.csv", b"\xff\xfe\0"),
    ],
)
def test_what_no_format_recognises_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match="is none of npz, json"):
        detect(path)
    with pytest.raises(InputError, match="unknown format 'x'; known: npz"):
        read(path, "x")
    with pytest.raises(InputError, match="no such file"):
        detect(tmp_path / "absent")


def test_a_folder_of_two_formats_needs_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.pts").write_text("version: 1\nn_points: 1\n{\n1 1\n}\n")
    (tmp_path / "a.ljson").write_text('{"version": 2, "landmarks": {"points": [[1, 2]]}}')
    with pytest.raises(InputError, match="could be any of pts, ljson"):
        detect(tmp_path)
    assert [len(read(tmp_path, name)) for name in ("pts", "ljson")] == [1, 1]


def test_more_formats_can_be_given() -> None:
    """Those of other packages, which the command line finds."""
    with pytest.raises(InputError, match="is none of mine"):
        detect(Path(__file__), {"mine": LazyFactory("core_formats.json_format:Json")})


def test_what_is_there_twice_is_yielded_twice_but_not_pooled(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(
        '[{"id": "a", "points": [[1, 2]]}, {"id": "b", "points": [[1, 2]]}, {"id": "a", "points": [[3, 4]]}]'
    )
    predictions = read(path)
    assert [one.id for one in predictions] == ["a", "b", "a"]
    with pytest.raises(InputError, match=r"there 2 times .*sample a"):
        pooled(predictions, file=path)


def test_pooled_predictions_are_saved_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("id,x0,y0,x1,y1\nb,1,2,3,4\na,5,6,,\n")
    save_predictions(tmp_path / "p.npz", pooled(read(path)))
    again = load_predictions(tmp_path / "p.npz")
    assert again.ids == ("b", "a")
    np.testing.assert_array_equal(again["a"]["points"], [[5, 6], [np.nan, np.nan]])
    assert [one.id for one in read(tmp_path / "p.npz")] == ["b", "a"]


def detections(sample: str, count: int, seed: int) -> Prediction:
    rng = np.random.default_rng(seed)
    return Prediction(sample, {"points": rng.uniform(0, 99, (count, 17, 2)), "scores": rng.uniform(size=count)}, "here")


def test_lists_of_detections_are_padded_and_counted() -> None:
    images = [detections("a", 3, 0), detections("b", 1, 1), detections("c", 0, 2)]
    found = pooled(images, detections=True)
    assert found.arrays["points"].shape == (3, 3, 17, 2)
    np.testing.assert_array_equal(found.arrays["count"], [3, 1, 0])
    for image in images:
        for key, tail in (("points", (17, 2)), ("scores", ())):
            padded, _ = gather([found[image.id]], key, tail, side="predicted")
            np.testing.assert_array_equal(padded, image.arrays[key])
    nothing, _ = gather([none_found(images[0].arrays)], "points", (17, 2), side="predicted")
    assert len(nothing) == 0


@pytest.mark.parametrize(
    ("first", "second", "padded", "message"),
    [
        ({"points": (2, 2)}, {"points": (3, 2)}, False, "does not go with"),
        ({"points": (2, 17, 2)}, {"points": (2, 34)}, True, "does not go with"),
        ({"points": (2, 2)}, {"points": (2, 2), "joints": (2, 2)}, False, "not all samples have this array"),
        ({"points": (2, 2)}, {"joints": (2, 2)}, True, "not all samples have this array"),
        ({"points": (2, 2), "scores": (2,)}, {"points": (2, 2), "scores": (1,)}, True, "not lists of the same"),
        ({"points": (2, 2), "label": ()}, {"points": (2, 2), "label": ()}, True, "not lists of the same"),
    ],
)
def test_what_does_not_fit_is_not_pooled(first: Any, second: Any, padded: bool, message: str) -> None:
    samples = {"a": first, "b": second}
    with pytest.raises(InputError, match=rf"{message}.*sample [ab]"):
        pooled(
            [
                Prediction(name, {key: np.zeros(shape) for key, shape in one.items()}, "")
                for name, one in samples.items()
            ],
            detections=padded,
        )


def test_padding_does_not_explode() -> None:
    long = Prediction("a", {"iuv": np.zeros((1, 1, 2**20, 3), dtype=np.uint8)}, "here")
    tall = Prediction("b", {"iuv": np.zeros((2, 2**20, 1, 3), dtype=np.uint8)}, "there")
    with pytest.raises(InputError, match="takes more than"):
        pooled([long, tall], detections=True)
    with pytest.raises(InputError, match="holds no prediction"):
        pooled([])


def test_numbered_samples_can_be_renamed() -> None:
    images = [detections("0", 1, 0), detections("1", 1, 1)]
    assert [one.id for one in renamed(images, ["x", "y"])] == ["x", "y"]
    with pytest.raises(InputError, match="1 ids for 2 predictions"):
        renamed(images, ["x"])
