"""Tables of settings, each trained for equal minutes: how a row is trained, and how the table is written."""
