"""MNIST in PyTorch: 784-256-10, five epochs, batches of 128, SGD with Nesterov momentum, as examples/mnist.rs."""

import argparse
import gzip
import math
import pathlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

EPOCHS, BATCH, RATE = 5, 128, 0.1


def read(folder, name):
    """An IDX file, gzipped or not."""
    path = pathlib.Path(folder) / name
    data = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(name + ".gz").read_bytes())
    shape = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def pixels(folder, part):
    images = read(folder, f"{part}-images-idx3-ubyte").astype(np.float32).reshape(-1, 784) / 255
    labels = read(folder, f"{part}-labels-idx1-ubyte").astype(np.int64)
    return torch.from_numpy(images), torch.from_numpy(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--by-hand", action="store_true", help="cut the batches without a DataLoader")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    images, labels = pixels(given.folder, "train")
    held_out = len(images) // 12
    images, labels, held, answers = images[held_out:], labels[held_out:], images[:held_out], labels[:held_out]
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, nesterov=True)
    steps = EPOCHS * math.ceil(len(images) / BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    data = torch.utils.data.TensorDataset(images, labels)
    loader = torch.utils.data.DataLoader(data, BATCH, shuffle=True)

    def batches():
        if not given.by_hand:
            yield from loader
            return
        for rows in torch.randperm(len(images)).split(BATCH):
            yield images[rows], labels[rows]

    def accuracy(x, y):
        with torch.no_grad():
            return (model(x).argmax(1) == y).double().mean().item()

    for epoch in range(EPOCHS):
        for x, y in batches():
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: validation {100 * accuracy(held, answers):.2f} %")
    print(f"test {100 * accuracy(*pixels(given.folder, 't10k')):.2f} %")


if __name__ == "__main__":
    main()
