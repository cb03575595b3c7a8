"""Training of shipped weights, from data sets to a folder that opens: mask, 16-bit weights, measured accuracy, card."""

from dataclasses import replace

import numpy as np
import pytest

from core_eval import Sample
from core_train import load_weights
from face_densereg import budgets
from face_densereg.demo import FaceDemo
from face_densereg.depth import DenseRegDepth
from face_densereg.weights import TEXT, card_text, open_weights
from face_densereg.weights.train import halve

POINTS = np.random.default_rng(11).uniform(0.1, 0.9, (68, 2))
MASK = np.kron(np.arange(4).reshape(2, 2), np.ones((8, 8), int)).astype(np.uint8)


class Toys:
    """The toy world with 68 landmarks, a tilted plane as depth and a mask of four squares."""

    kind = "stand-in"
    name = "toys"

    def __init__(self, draw):
        self.draw = draw

    def split(self, name):
        first, count = {"train": (0, 40), "valid": (100, 4), "test": (200, 12)}[name]
        return [self.sample(index) for index in range(first, first + count)]

    def sample(self, index):
        toy = self.draw(index)
        uv = toy.target["uv"]
        rows, columns = np.nonzero(np.isfinite(uv[..., 0]))
        corner, size = np.array([columns.min(), rows.min()]), np.ptp(rows)
        target = {
            "uv": uv,
            "points": corner + POINTS * size,
            "landmark_uv": POINTS,
            "depth": (0.4 + 0.2 * uv[..., 0]).astype(np.float32),
            "template_part": MASK,
        }
        return Sample(toy.id, toy.inputs, target, toy.group)

    def fingerprint(self, name):
        return "f" * 64


@pytest.fixture(scope="module")
def trained(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(budgets.PLANS, "smoke", replace(budgets.PLANS["smoke"], steps=80))
        FaceDemo().retrain(
            {"faces": Toys(toy), "parts": Toys(toy)},
            folder,
            budget="smoke",
            seed=3,
            workdir=tmp_path_factory.mktemp("work"),
            source={"face-densereg": "abc"},
            say=said.append,
        )
    return folder, said


def test_retrained_weights_open_with_depth_mask_and_card(trained, toy):
    folder, said = trained
    assert any("smoke" in text for text in said)
    opened = open_weights(folder)
    assert isinstance(opened.method, DenseRegDepth)
    np.testing.assert_array_equal(opened.mask, MASK)
    (answer,) = opened.method.predict([toy(300).inputs])
    assert np.isfinite(answer["uv"]).any()
    assert np.isfinite(answer["depth"]).any()


def test_their_card_says_how_they_were_made_and_how_good_they_are(trained):
    folder, _ = trained
    card = open_weights(folder).card
    assert card["training"]["seed"] == 3
    assert card["training"]["budget"] == "smoke"
    assert card["training"]["fingerprint"] == "f" * 64
    assert "abc" in card["training"]["source"]
    assert (folder / TEXT).read_text("utf-8") == card_text(card)
    values = {row["what"].split(":")[0].split(",")[0]: row["value"] for row in card["measured"]}
    assert len(card["measured"]) == 5, "depth too"
    assert all(row["n"] == 12 for row in card["measured"])
    assert values["mean error of the template coordinates"] < 0.4, "it has learnt: a guess of the middle misses by 0.38"


def test_halving_keeps_what_16_bits_cannot_hold_and_the_geometry(trained, tmp_path):
    folder, _ = trained
    method = open_weights(folder).method
    method.save(tmp_path)
    before, meta = load_weights(tmp_path)
    size = (tmp_path / "weights.safetensors").stat().st_size
    halve(tmp_path)
    after, same = load_weights(tmp_path)
    assert same == meta
    assert (tmp_path / "weights.safetensors").stat().st_size < 0.6 * size
    for name, value in before.items():
        np.testing.assert_allclose(after[name].double(), value.double(), rtol=1e-3, atol=1e-7, err_msg=name)
        assert not name.startswith("geometry.") or after[name].dtype == value.dtype
