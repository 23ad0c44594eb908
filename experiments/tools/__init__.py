"""Tools that do not depend on runs."""
