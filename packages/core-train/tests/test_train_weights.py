"""Weights on disk: round trip, and every damaged file refused."""

import json
import sys

import pytest
import torch
from torch import nn

from core_eval import InputError
from core_train import load_weights, save_weights


def network(width=4):
    net = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width))
    return net.to(memory_format=torch.channels_last)


def test_round_trip(tmp_path):
    net = network()
    net(torch.randn(2, 3, 5, 5))
    save_weights(tmp_path / "new" / "folder", net, {"bins": 10, "name": "é"})
    other = network()
    tensors, meta = load_weights(tmp_path / "new" / "folder", other)
    assert meta == {"bins": 10, "name": "é"}
    for name, value in net.state_dict().items():
        assert torch.equal(value, tensors[name])
        assert torch.equal(value, other.state_dict()[name])
    assert sorted(p.name for p in (tmp_path / "new" / "folder").iterdir()) == ["weights.json", "weights.safetensors"]


def test_shared_tensors_are_saved(tmp_path):
    shared = torch.randn(3)
    save_weights(tmp_path, {"a": shared, "b": shared, "c": shared[1:]})
    tensors, _ = load_weights(tmp_path)
    assert torch.equal(tensors["a"], tensors["b"])
    assert torch.equal(tensors["c"], shared[1:])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of file sizes differ")
def test_a_full_disk_leaves_the_old_weights(tmp_path, full_disk):
    save_weights(tmp_path, network(), {"version": 1})
    with full_disk(1000), pytest.raises(InputError, match="cannot write the weights"):
        save_weights(tmp_path, network(64), {"version": 2})
    assert load_weights(tmp_path, network())[1] == {"version": 1}
    assert len(list(tmp_path.iterdir())) == 2


def _flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def _rehash(folder, data):
    import hashlib

    (folder / "weights.safetensors").write_bytes(data)
    record = {"sha256": hashlib.sha256(data).hexdigest(), "meta": {}}
    (folder / "weights.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "weights.json").unlink(), "no trained weights"),
        (lambda f: (f / "weights.safetensors").unlink(), "no trained weights"),
        (lambda f: (f / "weights.json").write_text("{"), "not a record"),
        (lambda f: (f / "weights.json").write_text("[1]"), "not a record"),
        (lambda f: (f / "weights.json").write_bytes(b"\xff\xfe"), "not a record"),
        (lambda f: _flip(f / "weights.safetensors"), "damaged"),
        (lambda f: _rehash(f, b"\x80\x04nonsense"), "not a safetensors file"),
    ],
    ids=["no record", "no tensors", "cut record", "foreign record", "binary record", "flipped bit", "foreign tensors"],
)
def test_damaged_files_are_refused(tmp_path, damage, message):
    save_weights(tmp_path, network())
    damage(tmp_path)
    with pytest.raises(InputError, match=rf"{message}.*file .*weights"):
        load_weights(tmp_path, network())


def test_weights_of_another_network_are_refused(tmp_path):
    save_weights(tmp_path, network(8))
    with pytest.raises(InputError, match=r"another network: size mismatch.*weights\.safetensors"):
        load_weights(tmp_path, network(4))
    with pytest.raises(InputError, match="another network: Missing"):
        load_weights(tmp_path, nn.Linear(2, 2))
