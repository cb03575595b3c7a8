"""What this package offers to the command line: dataset factories by name."""

from __future__ import annotations

from core_eval import LazyFactory

DATASETS: dict[str, LazyFactory] = {
    "300vw": LazyFactory("data_real.w300vw:w300vw"),
    "300w": LazyFactory("data_real.w300:w300"),
    "hgr1": LazyFactory("data_real.hgr1:hgr1"),
    "multipie": LazyFactory("data_real.multipie:multipie"),
}
