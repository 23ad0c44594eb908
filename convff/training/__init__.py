"""Training: the trainer, the step of local rules, and what they draw on."""
