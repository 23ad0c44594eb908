"""The step of Hinton's released code (`ffnew.m`), which his other networks take too. Imports no torch."""

from typing import Any

# Our direction is twice his, so his rate of 0.01 is 0.005 here, and his weight cost of 0.001 a decay of 0.002.
HINTONS_STEP: dict[str, Any] = {
    "init": "normal",
    "gate": "threshold",
    "scale": 1.0,
    "optimizer": "smoothed",
    "lr": 0.005,
    "momentum": 0.9,
    "weight_decay": 0.002,
    "batch_size": 100,
    "precision": "float32",
    "joint_readout": True,
    "joint_softmax": True,
}
