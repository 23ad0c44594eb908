"""Inference: by goodness over all labels, or by a linear readout of one pass."""
