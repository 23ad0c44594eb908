"""What all tests share, before anything imports torch."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores: two threads each would wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")
