"""Class activation maps: what a network looks at. Called as the classes of grad-cam are; signed maps besides."""

from cam.base import NoEvidenceWarning, SignedCAM
from cam.block_cam import BlockCAM, BlockModel
from cam.centred_cam import CentredCAM, usual_activity
from cam.functional import mean_contribution, sum_contribution
from cam.goodness_cam import GoodnessCAM, GoodnessDifference
from cam.grad_cam import GradCAM
from cam.gradient import DetachedLayerError, GradientCAM
from cam.group_cam import GroupCAM
from cam.group_model import GroupModel
from cam.linear_cam import LinearCAM
from cam.maps import Maps, kinds
from cam.models import GoodnessModel, HeadModel, ReadoutModel
from cam.overlay import HELPS, HURTS, overlay
from cam.pooling_cam import PoolingCAM

__all__ = [
    "HELPS",
    "HURTS",
    "BlockCAM",
    "BlockModel",
    "CentredCAM",
    "DetachedLayerError",
    "GoodnessCAM",
    "GoodnessDifference",
    "GoodnessModel",
    "GradCAM",
    "GradientCAM",
    "GroupCAM",
    "GroupModel",
    "HeadModel",
    "LinearCAM",
    "Maps",
    "NoEvidenceWarning",
    "PoolingCAM",
    "ReadoutModel",
    "SignedCAM",
    "kinds",
    "mean_contribution",
    "overlay",
    "sum_contribution",
    "usual_activity",
]
