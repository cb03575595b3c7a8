"""One optimiser step of each phase, and the first values of c.

Axis letters: N images, S side of a square image, J joints, E edges.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from core_eval import InputError
from core_train import Muon, adamw, predict_batches
from pose3d_structured.deep_supervision import NEAR, deep_supervision
from pose3d_structured.energy import Integers
from pose3d_structured.images import PoseSource
from pose3d_structured.network import PoseMaps, StructuredPoseNet
from pose3d_structured.structured_loss import VIOLATIONS, structured_loss


class PoseTraining(LightningModule):
    """Deep supervision (Sec. 3.2.4) and, with a graph, the structured loss of that graph (Sec. 3.2.5) beside it.

    Args:
        net: trained in place.
        rate: of AdamW.
        kernel_rate: of Muon for the kernels of the trunk; None: AdamW for all. The thesis names no optimiser but
            "standard stochastic gradient".
        edges: (E, 2) of a `topology`; None trains by deep supervision alone.
        violations: K.
        workers: threads that search for violated poses.
        settled: batch norm keeps its statistics, because the batches are small.
    """

    def __init__(
        self,
        net: StructuredPoseNet,
        *,
        rate: float,
        kernel_rate: float | None,
        edges: Integers | None = None,
        violations: int = VIOLATIONS,
        workers: int = 1,
        settled: bool = False,
    ) -> None:
        super().__init__()
        self.net, self.rate, self.kernel_rate = net, rate, kernel_rate
        self.edges, self.violations, self.workers, self.settled = edges, violations, workers, settled

    def training_step(self, batch: Mapping[str, Tensor], batch_idx: int) -> Tensor:
        """`image` (N, S, S, 3) uint8 and `pose` (N, J, 3) in volume coordinates, NaN where unknown -> the loss."""
        if self.settled:
            for module in self.net.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        maps = self.net(batch["image"])
        with torch.autocast(batch["image"].device.type, enabled=False):
            loss = deep_supervision(maps, batch["pose"]).total
            if self.edges is not None and len(self.edges):
                slack = structured_loss(
                    maps.unary,
                    maps.positions,
                    maps.edge_offsets(self.edges),
                    maps.stiffness,
                    self.edges,
                    batch["pose"],
                    count=self.violations,
                    near=NEAR,
                    workers=self.workers,
                )
                # A score adds up over the joints, the other losses are of one joint.
                loss = loss + slack / maps.joints
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW, or Muon for the kernels of the trunk."""
        if self.kernel_rate is None:
            return adamw(self.net, self.rate)
        return Muon(self.net, self.net.trunk, self.kernel_rate, adam_lr=self.rate)


def calibrate(
    net: StructuredPoseNet, source: PoseSource, edges: Integers, *, batch: int = 32, limit: int = 512
) -> None:
    """Set c to what the offsets deserve before the structured loss learns it: c_d = (J - 1) / E / (2 var_d).

    With a Gaussian error of variance var, -c x^2 is a log-likelihood for c = 1 / (2 var), as the unary logits are. The
    variance is that of the middle half of the offsets' errors (quartiles), since single offsets are read at a wrong
    pixel. More edges than the J - 1 of a tree say the same thing more than once: they weigh together what a tree does.

    Args:
        net: in evaluation mode; its `stiffness` changes.
        source: samples; those known in 2D only do not count.
        edges: (E, 2); without edges c stays.
        batch: images at a time.
        limit: samples that are looked at.

    Raises:
        InputError: no sample with a pose in 3D.
    """
    if not len(edges):
        return
    errors = []
    for start in range(0, min(len(source), limit), batch):
        arrays = source.fetch(np.arange(start, min(start + batch, len(source), limit)))
        maps: PoseMaps = next(predict_batches(net, [arrays["image"]]))
        pose = torch.from_numpy(arrays["pose"]).to(maps.offsets.device)
        i, j = torch.as_tensor(edges, device=pose.device).unbind(1)
        errors.append((pose[:, i] - pose[:, j] - maps.edge_offsets(edges)).float().cpu())
    wrong = torch.cat(errors).flatten(0, 1)
    wrong = wrong[torch.isfinite(wrong).all(1)]
    if not len(wrong):
        raise InputError("no sample is known in 3D", field="joints_mm")
    low, high = torch.quantile(wrong[:: max(1, len(wrong) // 10_000)], torch.tensor([0.25, 0.75]), dim=0)
    deviation = ((high - low) / 1.349).clamp(min=1e-3)
    share = min(1.0, (net.joints - 1) / len(edges))
    net.set_stiffness((share * 0.5 / deviation.square()).to(net.raw_stiffness))
