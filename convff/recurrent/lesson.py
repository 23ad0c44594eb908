"""What one layer learns while its network settles: directions are added up, and no state is kept."""

import torch
from torch import Tensor

from convff.contrasts import Layout
from convff.recurrent.learning import Learning
from convff.recurrent.network import RecurrentNet
from convff.recurrent.settling import Moved, Settling
from convff.rules.gated import gate_metrics
from convff.stabilisers.equations import peer_push, running_activity


class Lesson:
    """One layer's part of a step. What it holds does not grow with the number of iterations.

    The direction is the mean over images and iterations of `2 d c s 1[z > 0] (x) x`, for sum goodness: c is the gate, s
    the state after the iteration, d the damping and x the normalised states that the layer saw.

    Args:
        net: the network.
        index: of the layer.
        rule: the rule.
        layout: what each pass is.
    """

    def __init__(self, net: RecurrentNet, index: int, rule: Learning, layout: Layout) -> None:
        self.net, self.index, self.rule, self.layout = net, index, rule, layout
        self.sums: dict[str, Tensor] = {}
        self.metrics: dict[str, Tensor] = {}
        self.iterations = 0

    def see(self, moved: Moved) -> None:
        """Learn from the layer after one iteration."""
        rule, of_ones = self.rule, self.rule.reduced.of_ones(moved.state.shape[1])
        g = self.layout.by_image(rule.reduced.goodness(moved.state))
        c = rule.gate(g, of_ones)
        post = rule.reduced.slope(moved.state) * moved.open * c.reshape(-1, 1).to(moved.state.dtype)
        self._add(post=post)
        if moved.below is not None:
            self._add(below=self.net.below(self.index).direction(moved.below, post))
        if moved.above is not None:
            self._add(above=self.net.above(self.index).direction(moved.above, post))
        if rule.peer:
            self._add(state=self._of_right(moved.state))
            parts = {"x_below": (self.net.below, moved.below), "x_above": (self.net.above, moved.above)}
            right = slice(None, None, self.layout.passes)
            self._add(**{n: of(self.index).mean(read, right) for n, (of, read) in parts.items() if read is not None})
        metrics = gate_metrics(rule.gate, g, c, of_ones, passes=len(moved.state))
        # A state decays without ever reaching 0, so a layer is dead whose new input is.
        metrics["silent"] = (~moved.open).all(dim=1).float().mean()
        for name, value in metrics.items():
            self.metrics[name] = self.metrics[name] + value if name in self.metrics else value
        self.iterations += 1

    def _add(self, **sums: Tensor) -> None:
        for name, value in sums.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value

    def _of_right(self, values: Tensor) -> Tensor:
        """Return the mean over the right passes, `[1, n]`."""
        return self.layout.by_image(values)[:, 0].mean(dim=0, keepdim=True)

    def means(self) -> dict[str, Tensor]:
        """Return the metrics, averaged over iterations."""
        return {name: value / self.iterations for name, value in self.metrics.items()}

    def direction(self, settling: Settling, usual: Tensor | None = None) -> tuple[dict[str, Tensor], Tensor | None]:
        """Return the direction by parameter name, which an optimiser subtracts, and the new usual activity of units.

        Args:
            settling: the network, settled: it knows what the image and the label are to the first and the last layer.
            usual: the usual activity of each unit, for peer normalisation; None without it.
        """
        post, below, above = self.sums["post"], self.sums.get("below"), self.sums.get("above")
        if below is None:  # the image is the same in all passes and iterations
            below = self.net.below(self.index).direction(settling.pixels, self.layout.by_image(post).sum(dim=1))
        if above is None:
            by_label = post.new_zeros(self.net.classes, post.shape[1]).index_add_(0, settling.labels, post)
            above = self.net.above(self.index).direction(settling.codes, by_label)
        scale = self.rule.gate.scale * self.rule.reduced.gain(post.shape[1]) * self.rule.damping
        share = -scale / (len(self.layout.targets) * self.iterations)
        weight, bias = torch.cat([below, above], dim=1) * share, post.sum(dim=0) * share
        if usual is not None:
            usual = running_activity(self.sums["state"] / self.iterations, usual, self.rule.momentum)
            push = (-self.rule.peer * abs(scale) * peer_push(usual))[None].to(weight.dtype)
            weight, bias = weight + self._outer(push, settling), bias + push[0]
        connected = getattr(self.net.blocks[self.index].layer, "connected", None)  # of local fields
        return {"weight": weight if connected is None else connected(weight), "bias": bias}, usual

    def _outer(self, push: Tensor, settling: Settling) -> Tensor:
        """Return a push `[1, n]` times the mean input of the right passes: peer normalisation is of rank one."""
        below, above = self.net.below(self.index), self.net.above(self.index)
        x = {name: self.sums[name] / self.iterations for name in ("x_below", "x_above") if name in self.sums}
        x_below = x["x_below"] if "x_below" in x else below.mean(settling.pixels, slice(None))
        x_above = x["x_above"] if "x_above" in x else above.mean(settling.codes, self.layout.targets)
        return torch.cat([below.direction(x_below, push), above.direction(x_above, push)], dim=1)
