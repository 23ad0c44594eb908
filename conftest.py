"""What all tests share."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores. With two threads each they would mostly wait for one another.
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes that tests start

    import torch

    torch.set_num_threads(1)
