"""The workloads in PyTorch.

eager: as one writes it down. tuned: fused optimizer, channels-last, sparse gradients. compiled: eager, by
torch.compile over forward and loss, with the fused optimizer.
"""

import torch
from torch import nn
from torch.nn import functional as F

import shared


class Block(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != channels:
            convolution = nn.Conv2d(inputs, channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(channels))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.shortcut(x) + self.bn2(self.conv2(y)))


class Sampled(nn.Module):
    """A hidden layer and a table of classes, asked for a few rows only."""

    def __init__(self, width, sparse):
        super().__init__()
        self.hidden = nn.Linear(128, width)
        self.weight = nn.Embedding(shared.CLASSES, width, sparse=sparse)
        self.bias = nn.Embedding(shared.CLASSES, 1, sparse=sparse)

    def forward(self, x, rows):
        hidden = F.relu(self.hidden(x))
        return torch.bmm(self.weight(rows), hidden.unsqueeze(2)).squeeze(2) + self.bias(rows).squeeze(2)


class Recurrent(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.lstm = nn.LSTM(shared.FEATURES, width, depth)

    def forward(self, x):
        return self.lstm(x)[0]


def mlp(widths):
    layers = []
    for inputs, outputs in zip(widths, widths[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(64 * 12 * 12, 128), nn.ReLU(), nn.Linear(128, 10),
    )


def resnet():
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    inputs = 16
    for channels, first in [(16, 1), (32, 2), (64, 2)]:
        layers += [Block(inputs, channels, first), Block(channels, channels, 1)]
        inputs = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


@torch.no_grad()
def fill(model):
    for sequence, (name, parameter) in enumerate(model.named_parameters()):
        if "bias" in name and not isinstance(model, Sampled) or name == "hidden.bias" or name == "bias.weight":
            parameter.zero_()
        elif parameter.dim() > 1:
            parameter.copy_(torch.from_numpy(shared.weight(sequence, tuple(parameter.shape))))


def negative_sampling_loss(scores, signs):
    return -F.logsigmoid(scores * signs).sum(1).mean()


def workload(name, given):
    """The model, the loss and every batch's arguments of both."""
    tuned = given.mode == "tuned"
    tensors = lambda arrays: [torch.from_numpy(array) for array in arrays]
    if name in ("W1", "W2", "W5"):
        if name == "W1":
            batch, widths = given.batch or 128, [784] + [given.width or 512] * (given.depth or 2) + [10]
        elif name == "W2":
            batch, widths = given.batch or 32, [64, 128, 64, 10]
        else:
            batch, widths = given.batch or 64, [128, given.width or 256, shared.CLASSES]
        x = [(x,) for x in tensors(shared.inputs((batch, widths[0])))]
        return mlp(widths), F.cross_entropy, x, tensors(shared.classes(batch, widths[-1]))
    if name in ("W3", "W4"):
        batch = given.batch or 64
        shape = (batch, 1, 28, 28) if name == "W3" else (batch, 3, 32, 32)
        model, x = (cnn() if name == "W3" else resnet()), tensors(shared.inputs(shape))
        if tuned:
            model = model.to(memory_format=torch.channels_last)
            x = [x.to(memory_format=torch.channels_last) for x in x]
        return model, F.cross_entropy, [(x,) for x in x], tensors(shared.classes(batch, 10))
    if name == "W5n":
        batch = given.batch or 64
        x = tensors(shared.inputs((batch, 128)))
        signs = torch.full((1 + shared.NOISE_PER_ITEM,), -1.0)
        signs[0] = 1.0
        pairs = list(zip(x, tensors(shared.rows(batch))))
        return Sampled(given.width or 256, tuned), negative_sampling_loss, pairs, [signs] * shared.BATCHES
    batch, width = given.batch or 32, given.width or 128
    shape = (shared.TIME, batch, width)
    targets = [shared.uniform(shared.TARGETS + b, shape, 3**0.5) for b in range(shared.BATCHES)]
    x = [(x,) for x in tensors(shared.inputs((shared.TIME, batch, shared.FEATURES)))]
    return Recurrent(width, given.depth or 2), F.mse_loss, x, tensors(targets)


def optimizer(name, model, mode):
    fused = mode != "eager"
    rate = shared.RATES[name]
    if name in ("W1", "W3", "W6"):
        return torch.optim.Adam(model.parameters(), lr=rate, fused=fused)
    if name in ("W2", "W4"):
        return torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, nesterov=True, fused=fused)
    # The fused form knows no sparse gradients.
    return torch.optim.SGD(model.parameters(), lr=rate, fused=fused and not (name == "W5n" and mode == "tuned"))


def main():
    given = shared.arguments(__doc__, ["eager", "tuned", "compiled"])
    torch.set_num_threads(given.threads)
    for name in given.names:
        base = shared.peak_megabytes()
        model, criterion, inputs, targets = workload(name, given)
        fill(model)
        update = optimizer(name, model, given.mode)

        def loss_of(x, y):
            return criterion(model(*x), y)

        if given.mode == "compiled":
            loss_of = torch.compile(loss_of)

        def step(batch):
            update.zero_grad(set_to_none=True)
            loss = loss_of(inputs[batch], targets[batch])
            loss.backward()
            update.step()
            return loss.detach()

        shared.measure(f"pytorch {given.mode}", name, given, step, base)


if __name__ == "__main__":
    main()
