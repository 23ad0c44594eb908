"""Training: the trainer, the step of local rules, and their helpers."""
