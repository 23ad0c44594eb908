"""Golden losses: proof that a change of the code changes no number.

`python -m tests.golden --accept` writes `losses.json`; the test beside it compares them to 1e-6, because the last bits
differ between processors. `make golden BASE=<commit>` runs this module of two commits on one machine and compares
everything to the bit.
"""
