"""Tools that know nothing of runs."""
