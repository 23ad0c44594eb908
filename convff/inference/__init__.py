"""Inference: by goodness over all labels, by a rule's own scores, or by a linear readout of one pass."""
