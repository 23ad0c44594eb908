"""Reports of finished runs: `report.html`, one file per run, and several runs side by side."""
