"""bfloat16 where the hardware supports it, float32 everywhere else."""

import contextlib

import torch
from torch import Tensor

PRECISIONS = ("float32", "bfloat16")


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[object]:
    """Run convolutions and matrix products in `precision`; weights, goodness and optimisers stay in float32.

    Raises:
        ValueError: `precision` is not one of `PRECISIONS`.

    Example:
        >>> with autocast(torch.device("cpu"), "bfloat16"):
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.bfloat16
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def as_computed(x: Tensor) -> Tensor:
    """Return float32 values in the precision in which `autocast` multiplies; any others as they are.

    It is for values that are used several times, which autocast would convert at every use.

    Example:
        >>> with autocast(torch.device("cpu"), "bfloat16"):
        ...     as_computed(torch.ones(2)).dtype, as_computed(torch.ones(2).double()).dtype
        (torch.bfloat16, torch.float64)
    """
    kind = x.device.type
    lowered = x.dtype == torch.float32 and torch.is_autocast_enabled(kind)
    return x.to(torch.get_autocast_dtype(kind)) if lowered else x


def fastest_precision(device: torch.device) -> str:
    """Return bfloat16 if the device multiplies it natively (AVX-512 BF16, AMX, NVIDIA since Ampere), else float32.

    Example:
        >>> fastest_precision(torch.device("mps"))
        'float32'
    """
    if device.type not in ("cpu", "cuda"):
        return "float32"
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return "bfloat16" if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else "float32"
