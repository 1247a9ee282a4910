"""PyTorch's convolutions (oneDNN) on the shapes of benches/operations/conv.rs; the best of two layouts."""

import argparse
import json

import torch
from torch.nn import functional as F

from shared import best

SHAPES = [
    (64, 1, 28, 32, 3, 1, 0), (64, 32, 26, 64, 3, 1, 0), (64, 16, 32, 16, 3, 1, 1), (64, 16, 32, 32, 3, 2, 1),
    (64, 16, 32, 32, 1, 2, 0), (64, 32, 16, 32, 3, 1, 1), (64, 64, 8, 64, 3, 1, 1),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for shape in SHAPES:
        batch, inputs, side, outputs, kernel, stride, padding = shape
        found = {}
        for layout in [torch.contiguous_format, torch.channels_last]:
            x = torch.randn(batch, inputs, side, side).to(memory_format=layout).requires_grad_()
            w = torch.randn(outputs, inputs, kernel, kernel).to(memory_format=layout).requires_grad_()

            def forward():
                with torch.no_grad():
                    return F.conv2d(x, w, None, stride, padding)

            seed = torch.ones_like(forward())

            def both():
                x.grad = w.grad = None
                F.conv2d(x, w, None, stride, padding).backward(seed)

            for name, work in [("forward_ms", forward), ("both_ms", both)]:
                work()
                found[name] = min(found.get(name, float("inf")), best(work, given.seconds))
        print(json.dumps({"shape": "x".join(map(str, shape)), **found}), flush=True)


if __name__ == "__main__":
    main()
