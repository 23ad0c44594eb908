"""Label sets: chosen, drawn and judged."""
