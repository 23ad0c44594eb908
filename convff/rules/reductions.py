"""How the activity of a layer becomes one goodness: what is summed, and whether more or less of it is good."""

from dataclasses import dataclass

from torch import Tensor

from convff.functional import GOODNESS


@dataclass(frozen=True)
class Reduction:
    """Goodness as a function of the activity, `g = sign * sum_k a_k^2`, or its mean, or the mean activity.

    Args:
        of: "mean" or "sum" of the squares, or the mean "activity", whose derivative is the same for all active units.
        sign: 1, or -1 where right labels make a layer less active: top-down input learns to cancel bottom-up input, as
            in predictive coding. A layer that is silent then has perfect right labels and learns nothing, so watch the
            dead units that a run reports; peer normalisation revives them.

    Example:
        >>> Reduction("sum", -1).gain(units=10), Reduction("sum", -1).of_ones(units=10)
        (-2.0, -10.0)

    Reference:
        Hinton 2022, section 9 ("minimizing the sum squared activities for positive data and maximizing it for negative
        data seems to work slightly better", and footnote 21 on the unsquared sum) and table 1.
    """

    of: str
    sign: int = 1

    def gain(self, units: int) -> float:
        """Return what a unit's slope is multiplied by for the derivative of goodness by its activity."""
        return self.sign * {"mean": 2 / units, "sum": 2.0, "activity": 1 / units}[self.of]

    def of_ones(self, units: int) -> float:
        """Return the goodness of units that are all 1."""
        return self.sign * (float(units) if self.of == "sum" else 1.0)

    def signed(self, goodness: Tensor) -> Tensor:
        """Return goodness with its sign."""
        return goodness if self.sign == 1 else -goodness

    def goodness(self, a: Tensor) -> Tensor:
        """Return the goodness `[N]` of an activity `[N, ...]`."""
        return self.signed(GOODNESS[self.of](a))

    def slope(self, a: Tensor) -> Tensor:
        """Return the slope of goodness by each unit up to `gain`: `a`, or for mean activity 1 where it is active."""
        return a if self.of != "activity" else (a > 0).to(a.dtype)

    def contribution(self, a: Tensor, units: int) -> Tensor:
        """Return what each unit adds to its goodness, in the shape of `a`."""
        whole = self.signed(a if self.of == "activity" else a.square())
        return whole if self.of == "sum" else whole / units


REDUCTIONS: dict[str, Reduction] = {
    "mean": Reduction("mean"),
    "sum": Reduction("sum"),
    "activity": Reduction("activity"),
    "minus_mean": Reduction("mean", -1),
    "minus_sum": Reduction("sum", -1),
    "minus_activity": Reduction("activity", -1),
}
