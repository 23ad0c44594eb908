"""Class activation maps of finished runs: made, judged and drawn."""
