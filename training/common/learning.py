"""What the training of every network shares: how it learns, and the names that its weights are stored under."""

import copy

import numpy as np
import torch

KEEP = 0.995  # of the running average of the weights, a step


class Cycle:
    """One learning-rate cycle (AdamW, one-cycle rate); `average` of the last weights is what is kept of it."""

    def __init__(self, network: torch.nn.Module, steps: int, rate: float, weight_decay: float, rise: float) -> None:
        """`rise`: share of the steps in which the rate grows."""
        self.network, self.average, self.steps = network, copy.deepcopy(network), 0
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimiser, rate, total_steps=steps, pct_start=rise)

    def step(self, loss: torch.Tensor) -> None:
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        keep = min(KEEP, self.steps / (self.steps + 10))
        with torch.no_grad():
            for slow, fast in zip(self.average.parameters(), self.network.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
        self.steps += 1


def stored(network: torch.nn.Module) -> dict[str, str]:
    """{parameter: name it is stored under}: a layer's own; input0, recurrent0, input1 … and their biases for `gru`'s."""
    names = {}
    for parameter, _ in network.named_parameters():
        layer, kind = parameter.rsplit(".", 1)
        if layer == "gru":
            kind, of, number = kind.split("_")
            layer = {"ih": "input", "hh": "recurrent"}[of] + number.removeprefix("l")
        names[parameter] = f"{layer}_bias" if kind == "bias" else layer
    return names


def weights_of(network: torch.nn.Module) -> dict[str, np.ndarray]:
    parameters = dict(network.named_parameters())
    return {name: parameters[key].detach().numpy().astype(np.float32) for key, name in stored(network).items()}


def take(network: torch.nn.Module, weights: dict[str, np.ndarray]) -> None:
    """What weights_of() gave."""
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for key, name in stored(network).items():
            parameters[key].copy_(torch.from_numpy(np.asarray(weights[name])))
