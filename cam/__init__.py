"""Class activation maps: what a network looks at. Called like the classes of grad-cam, with signed maps in addition."""

from cam.base import NoEvidenceWarning, SignedCAM
from cam.block_cam import BlockCAM, BlockModel
from cam.centred_cam import CentredCAM, usual_activity
from cam.functional import mean_contribution, sum_contribution
from cam.gain_cam import GainCAM, GainModel
from cam.goodness_cam import GoodnessCAM, GoodnessDifference, GoodnessModel
from cam.grad_cam import GradCAM
from cam.gradient import DetachedLayerError, GradientCAM
from cam.group_cam import GroupCAM, GroupModel
from cam.linear_cam import LinearCAM
from cam.local_head_cam import LocalHeadCAM, LocalHeadModel
from cam.maps import Maps, kinds
from cam.models import HeadModel, ReadoutModel
from cam.overlay import HELPS, HURTS, overlay
from cam.pixels import PixelCAM, input_times_gradient
from cam.pooling_cam import PoolingCAM
from cam.score_maps import SCORE_MAPS, Judged, head_maps, score_maps
from cam.settled_model import SettledModel
from cam.share_cam import ShareCAM, ShareModel
from cam.stream_cam import StreamCAM, StreamModel

__convff__ = True  # tells that this is the package that belongs to convff, and nobody else's of this name

__all__ = [
    "HELPS",
    "HURTS",
    "SCORE_MAPS",
    "BlockCAM",
    "BlockModel",
    "CentredCAM",
    "DetachedLayerError",
    "GainCAM",
    "GainModel",
    "GoodnessCAM",
    "GoodnessDifference",
    "GoodnessModel",
    "GradCAM",
    "GradientCAM",
    "GroupCAM",
    "GroupModel",
    "HeadModel",
    "Judged",
    "LinearCAM",
    "LocalHeadCAM",
    "LocalHeadModel",
    "Maps",
    "NoEvidenceWarning",
    "PixelCAM",
    "PoolingCAM",
    "ReadoutModel",
    "SettledModel",
    "ShareCAM",
    "ShareModel",
    "SignedCAM",
    "StreamCAM",
    "StreamModel",
    "head_maps",
    "input_times_gradient",
    "kinds",
    "mean_contribution",
    "overlay",
    "score_maps",
    "sum_contribution",
    "usual_activity",
]
