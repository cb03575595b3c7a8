"""What this package offers to the command line: data set factories by name."""

from __future__ import annotations

from core_eval import LazyFactory

DATASETS: dict[str, LazyFactory] = {
    "blocks": LazyFactory("data_synth.figures.dataset:blocks_set"),
    "h36m": LazyFactory("data_synth.bodies.dataset:stand_in_h36m"),
    "h36m-2d": LazyFactory("data_synth.bodies.dataset_2d:stand_in_h36m_2d"),
    "h36m-mixed": LazyFactory("data_synth.bodies.mixed:stand_in_h36m_mixed"),
    "hgr1": LazyFactory("data_synth.hands.dataset:hgr1"),
    "multipie": LazyFactory("data_synth.emotions.dataset:multipie"),
    "shapes": LazyFactory("data_synth.figures.dataset:shapes_set"),
    "stand-in-300vw": LazyFactory("data_synth.videos.dataset:stand_in_300vw"),
    "stand-in-300w": LazyFactory("data_synth.public300w:stand_in_300w"),
    "stand-in-300w-depth": LazyFactory("data_synth.depth_faces:stand_in_300w_depth"),
    "stand-in-ears": LazyFactory("data_synth.ears.dataset:stand_in_ears"),
    "stand-in-helen": LazyFactory("data_synth.helen:stand_in_helen"),
}
