"""The three networks: shapes, what depends on what, and what an image size must be."""

from dataclasses import replace

import pytest
import torch

from core_eval import InputError
from landmark_semisup.budgets import CHANGES, PLANS, plan
from landmark_semisup.networks import CommMT, HeatmapMT, SeqMT, Size
from landmark_semisup.rcn import NETWORKS
from landmark_semisup.tasks import TASKS, task

SMALL = replace(PLANS["smoke"], maps=4)
PLAIN = replace(SMALL, fold=1, normalise=False)
SIZE = Size(height=16, width=24, points=5, classes=(3,))


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def images(count=2, height=16, width=24):
    return torch.randint(0, 256, (count, height, width, 1), dtype=torch.uint8)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("fold", [1, 2])
def test_shapes(name, fold):
    net = NETWORKS[name](TASKS["blocks"], replace(SMALL, fold=fold), SIZE).eval()
    answer = net(images())
    assert answer.points.shape == (2, 5, 2)
    assert (answer.points >= -0.5).all()
    assert (answer.points <= torch.tensor([23.5, 15.5])).all()
    assert [logits.shape for logits in answer.logits] == [(2, 3)]
    if name != "comm-mt":
        assert answer.maps.pixels().shape == (2, 5, 16, 24), "maps keep the image's size"
    assert NETWORKS[name](TASKS["blocks"], SMALL, replace(SIZE, classes=()))(images()).logits == ()


@pytest.mark.parametrize(("name", "kernel", "maps", "landmarks"), [("blocks", 9, 8, 5), ("shapes", 7, 16, 2)])
def test_printed_architecture(name, kernel, maps, landmarks):
    net = SeqMT(TASKS[name], PLANS["paper"], Size(60, 60, landmarks, (15,)))
    shapes = [tuple(layer.weight.shape) for layer in net.localiser if hasattr(layer, "weight")]
    large = (maps, maps, kernel, kernel)
    assert shapes == [(maps, 1, kernel, kernel), *[large] * 5, (maps, maps, 1, 1), (landmarks, maps, 1, 1)]
    widths = [layer.out_features for layer in net.classifier[0] if isinstance(layer, torch.nn.Linear)]
    assert widths == {"blocks": [256, 256, 15], "shapes": [40, 15]}[name]


def test_the_class_of_seq_mt_comes_from_the_landmarks_alone():
    net = SeqMT(TASKS["blocks"], SMALL, SIZE).eval()
    answer = net(images())
    torch.testing.assert_close(net.classify(answer.points), answer.logits)
    answer.logits[0].sum().backward()
    assert net.localiser[0].weight.grad.abs().sum() > 0, "and teaches the localiser"


def test_the_class_of_heatmap_mt_comes_from_the_maps_and_teaches_the_localiser():
    net = HeatmapMT(TASKS["blocks"], SMALL, SIZE).eval()
    answer = net(images())
    assert not answer.points.requires_grad
    torch.testing.assert_close(answer.points, answer.points.round())
    answer.logits[0].sum().backward()
    assert net.localiser[0].weight.grad.abs().sum() > 0
    place = answer.maps.pixels()[0, 2].flatten().argmax().item()
    assert answer.points[0, 2].tolist() == [place % 24, place // 24]


def test_landmarks_of_comm_mt_do_not_depend_on_the_classifier():
    net = CommMT(TASKS["blocks"], SMALL, SIZE).eval()
    net(images()).points.sum().backward()
    assert net.classifier[0].weight.grad is None
    assert net.localiser[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("network", [CommMT, HeatmapMT])
def test_normalised_hidden_layers_outlive_a_step_that_shifts_them_all(network):
    """One large step along inputs that are all positive moves every unit alike: below zero, without normalisation."""
    shifted = {}
    for normalise in (True, False):
        net = network(TASKS["blocks"], replace(SMALL, normalise=normalise), SIZE).eval()
        read = net.hidden if network is CommMT else net.classifier[0]
        layers = [layer for layer in read if isinstance(layer, torch.nn.Linear)]
        with torch.no_grad():
            for layer in layers[:2]:
                layer.bias -= 1e4
            shifted[normalise] = net(images(8)).logits[0]
    assert shifted[True].std(0).min() > 1e-3
    assert shifted[False].std(0).max() == 0


def test_maps_move_with_the_image():
    """No pooling, no stride: far from the border a shift of the image shifts the maps."""
    net = SeqMT(replace(TASKS["blocks"], layers=2), PLAIN, replace(SIZE, height=32, width=32)).eval()
    still = torch.zeros(1, 32, 32, 1, dtype=torch.uint8)
    still[0, 12:16, 12:15] = 200
    moved = still.roll((3, 5), (1, 2))
    torch.testing.assert_close(
        net(still).maps.pixels().roll((3, 5), (2, 3)), net(moved).maps.pixels(), atol=1e-3, rtol=1e-4
    )


@pytest.mark.parametrize("network", [SeqMT, HeatmapMT])
def test_in_training_folded_maps_follow_the_image_pixel_by_pixel_on_average(network, monkeypatch):
    """Over all places where a square can begin. In use they follow it by whole squares alone."""
    size = Size(height=48, width=72, points=2, classes=())
    net = network(TASKS["blocks"], replace(SMALL, fold=2, normalise=False), size)
    picture = images(1, 48, 72)
    moved = torch.roll(picture, 1, dims=2)

    def mean_maps(shown: torch.Tensor) -> torch.Tensor:
        found = []
        for phase in ((0, 0), (0, 1), (1, 0), (1, 1)):
            monkeypatch.setattr(torch, "randint", lambda *_, phase=phase: torch.tensor(phase))
            found.append(net(shown).maps.pixels())
        return torch.stack(found).mean(0)

    inside = (..., slice(16, -16), slice(16, -16))  # six layers of 3 x 3 squares of 2 px
    followed = torch.roll(mean_maps(picture), 1, dims=3)
    assert torch.allclose(mean_maps(moved)[inside], followed[inside], rtol=1e-3, atol=1e-3 * followed.std().item())
    net.eval()
    still = net(picture).maps.pixels()
    one, other = net(moved).maps.pixels()[inside], torch.roll(still, 1, dims=3)[inside]
    assert (one - other).abs().mean() > 0.05 * one.std()
    two, same = net(torch.roll(picture, 2, dims=2)).maps.pixels()[inside], torch.roll(still, 2, dims=3)[inside]
    assert torch.allclose(two, same, rtol=1e-3, atol=1e-3 * one.std().item())


@pytest.mark.parametrize("name", NETWORKS)
def test_maps_have_the_size_of_the_image_in_training_too(name):
    net = NETWORKS[name](TASKS["blocks"], SMALL, SIZE)
    answer = net(images())
    assert name == "comm-mt" or answer.maps.pixels().shape == (2, 5, 16, 24)


def test_a_task_changes_the_plan_of_a_budget_and_nothing_else():
    for name, budget in CHANGES:
        changed, usual = plan(budget, name), PLANS[budget]
        assert name in TASKS
        assert changed != usual
        assert changed.others <= usual.others
        assert changed.fold == usual.fold, "what is learnt has the same shape"
    assert plan("quick", "blocks") == PLANS["quick"]


def test_images_that_a_network_cannot_keep_are_refused():
    with pytest.raises(InputError, match="multiples of 4"):
        SeqMT(TASKS["blocks"], SMALL, replace(SIZE, width=30))
    with pytest.raises(InputError, match="vanish"):
        CommMT(TASKS["blocks"], replace(SMALL, fold=1), replace(SIZE, height=3))
    with pytest.raises(InputError, match="vanish"):
        HeatmapMT(TASKS["blocks"], SMALL, replace(SIZE, height=4))
    with pytest.raises(InputError, match="unknown budget"):
        plan("huge", "blocks")
    with pytest.raises(InputError, match="unknown task"):
        task("dots")
