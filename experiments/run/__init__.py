"""A run: data, labels, network, training, evaluation, and the folder that it leaves."""
