"""The next character: settings, strings, training by each regime of negatives, report and figure."""
