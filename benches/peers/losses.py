"""PyTorch's losses with their gradients, as benches/operations/loss.rs has them: milliseconds, one line for each.

    python losses.py --threads 1
"""

import argparse

import torch
from torch import nn

from shared import best


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    for items, classes in [(128, 10), (128, 1000), (4096, 10), (4096, 100), (64, 50_000)]:
        logits, values = torch.randn(items, classes), torch.randn(items, classes)
        target = torch.arange(items) * 7 % classes
        log, shares, flags = logits.log_softmax(1), logits.softmax(1), logits.relu().tanh()
        losses = [
            ("cross_entropy", nn.CrossEntropyLoss(), logits, target),
            ("multi_margin", nn.MultiMarginLoss(), logits, target),
            ("nll", nn.NLLLoss(), log, target),
            ("cross_entropy_soft", nn.CrossEntropyLoss(), logits, shares),
            ("kl_divergence", nn.KLDivLoss(reduction="batchmean"), log, shares),
            ("bce_with_logits", nn.BCEWithLogitsLoss(), logits, flags),
            ("multilabel_soft_margin", nn.MultiLabelSoftMarginLoss(), logits, flags),
            ("mse", nn.MSELoss(), logits, values),
            ("l1", nn.L1Loss(), logits, values),
            ("huber", nn.HuberLoss(), logits, values),
            ("smooth_l1", nn.SmoothL1Loss(), logits, values),
            ("poisson_nll", nn.PoissonNLLLoss(), logits, values.square()),
        ]
        for name, loss, prediction, wanted in losses[: 1 if classes == 50_000 else None]:
            prediction = prediction.clone().requires_grad_()

            def work():
                prediction.grad = None
                loss(prediction, wanted).backward()

            print(f"{name}/{items}x{classes}: {best(work, 0.05):.4f}", flush=True)


if __name__ == "__main__":
    main()
