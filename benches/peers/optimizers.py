"""PyTorch's optimizers on the parameters of benches/operations/optimizer.rs: one by one, foreach, fused."""

import argparse
import json

import torch
from torch import optim

from shared import best

COUNTS = [10_000, 1_000_000, 10_000_000]
RULES = {
    "sgd": (optim.SGD, {}),
    "momentum": (optim.SGD, {"momentum": 0.9}),
    "nesterov": (optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": (optim.Adam, {}),
    "amsgrad": (optim.Adam, {"amsgrad": True}),
    "adam_w": (optim.AdamW, {}),
    "adagrad": (optim.Adagrad, {}),
    "adadelta": (optim.Adadelta, {}),
    "rms_prop": (optim.RMSprop, {}),
    "adamax": (optim.Adamax, {}),
    "nadam": (optim.NAdam, {}),
    "radam": (optim.RAdam, {}),
    "rprop": (optim.Rprop, {}),
    "muon": (optim.Muon, {}),
}
WAYS = {"foreach": {"foreach": True}, "fused": {"fused": True}}


def average(shape, seconds):
    """An exponential moving average of one parameter."""
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    model = torch.nn.Linear(1, 1, bias=False)
    model.weight = torch.nn.Parameter(torch.randn(shape))
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.999))
    return {"foreach": best(lambda: averaged.update_parameters(model), seconds)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--rules", nargs="*", default=[*RULES, "ema"])
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for name in given.rules:
        shapes = [(100, 100), (1000, 1000)] if name == "muon" else [(count,) for count in COUNTS]
        for shape in shapes:
            found = average(shape, given.seconds) if name == "ema" else {}
            # Muon has one way; averages are none of an optimizer.
            ways = {"ema": {}, "muon": {"foreach": {}}}.get(name, WAYS)
            for way, flags in ways.items():
                rule, settings = RULES[name]
                parameter = torch.randn(shape).requires_grad_()
                parameter.grad = torch.randn(shape)
                try:
                    found[way] = best(rule([parameter], lr=1e-6, **settings, **flags).step, given.seconds)
                except (RuntimeError, TypeError):
                    continue
            count = torch.Size(shape).numel()
            rounded = {way: round(milliseconds, 4) for way, milliseconds in found.items()}
            print(json.dumps({"rule": name, "elements": count, **rounded}), flush=True)


if __name__ == "__main__":
    main()
