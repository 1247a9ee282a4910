"""The reductions of `benches/operations/reduce.rs` in PyTorch: milliseconds, one line for each.

    python reductions.py --type float32 --threads 1
"""

import argparse

import torch

from shared import best

OVER = [
    ([1_000_000, 2], [1]),
    ([400_000, 5], [1]),
    ([200_000, 10], [1]),
    ([100_000, 32], [1]),
    ([50_000, 64], [1]),
    ([20_000, 100], [1]),
    ([4_096, 512], [1]),
    ([64, 50_000], [1]),
    ([100_000, 32], [0]),
    ([64, 50_000], [0]),
    ([64, 512, 64], [1]),
    ([20_000, 10, 10], [1]),
    ([64, 32, 32, 32], [0, 2, 3]),
    ([64, 32, 32, 32], [1, 3]),
]

KINDS = {
    "sum": lambda x, dim: x.sum(dim),
    "mean": lambda x, dim: x.mean(dim),
    "var": lambda x, dim: x.var(dim),
    "amax": lambda x, dim: x.amax(dim),
    "logsumexp": lambda x, dim: x.logsumexp(dim),
}


def with_gradient(function):
    def both(x, dim):
        input = x.detach().requires_grad_()
        function(input, dim).backward(x)

    return both


SINGLE = {
    "argmax": lambda x, dim: x.argmax(dim),
    "softmax": lambda x, dim: x.softmax(dim),
    "log_softmax": lambda x, dim: x.log_softmax(dim),
    "softmax with gradient": with_gradient(lambda x, dim: x.softmax(dim)),
    "log_softmax with gradient": with_gradient(lambda x, dim: x.log_softmax(dim)),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--type", default="float32")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    kind = getattr(torch, arguments.type)

    def line(name, place, work):
        print(f"{name}/{place}: {best(work, 0.05):.4f}", flush=True)

    for shape, dims in OVER:
        x = torch.randn(shape, dtype=kind)
        place = f"{shape} over {dims}"
        for name, reduction in KINDS.items():
            line(name, place, lambda: reduction(x, dims))
        if len(dims) == 1:
            for name, reduction in SINGLE.items():
                line(name, place, lambda: reduction(x, dims[0]))
    x = torch.randn([64, 50_000], dtype=kind)
    line("sum", "[64, 50000] over all", lambda: x.sum())
    turned = torch.randn([512, 4_096], dtype=kind).T
    for dim in [0, 1]:
        line("sum", f"transposed [4096, 512] over [{dim}]", lambda: turned.sum(dim))


if __name__ == "__main__":
    main()
