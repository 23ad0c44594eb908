"""Contract tests for your own rules and label generators: call them from any test, with or without pytest."""

from convff.testing.labels import check_labels
from convff.testing.rules import check_rule

__all__ = ["check_labels", "check_rule"]
