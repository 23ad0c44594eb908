"""What a run is asked to do, and every number of it. Imports no torch."""
