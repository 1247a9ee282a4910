"""The workloads in JAX: the whole step, update included, as one compiled function that reuses its buffers."""

import os

import shared

given = shared.arguments(__doc__, ["jit"])
# XLA takes as many threads as the process may use when it starts.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.threads])
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def weights(shapes):
    """Parameters in the order of the other programs: weights drawn, biases 0, scales 1."""
    made = []
    for sequence, shape in enumerate(shapes):
        if shape[0] == "ones":
            made.append(np.ones(shape[1:], np.float32))
        elif len(shape) == 1:
            made.append(np.zeros(shape, np.float32))
        else:
            made.append(shared.weight(sequence, shape))
    return [jnp.asarray(array) for array in made]


def cross_entropy(logits, classes):
    return jnp.mean(jax.nn.logsumexp(logits, 1) - jnp.take_along_axis(logits, classes[:, None], 1)[:, 0])


def mlp(widths):
    shapes = [s for i, o in zip(widths, widths[1:]) for s in [(o, i), (o,)]]

    def loss(parameters, x, y):
        for layer in range(0, len(parameters), 2):
            x = x @ parameters[layer].T + parameters[layer + 1]
            if layer + 2 < len(parameters):
                x = jax.nn.relu(x)
        return cross_entropy(x, y)

    return shapes, loss


def convolve(x, w, stride=1, padding=0):
    pads = [(padding, padding)] * 2
    return lax.conv_general_dilated(x, w, (stride, stride), pads, dimension_numbers=("NCHW", "OIHW", "NCHW"))


def cnn():
    shapes = [(32, 1, 3, 3), (32,), (64, 32, 3, 3), (64,), (128, 9216), (128,), (10, 128), (10,)]

    def loss(p, x, y):
        x = jax.nn.relu(convolve(x, p[0]) + p[1][:, None, None])
        x = jax.nn.relu(convolve(x, p[2]) + p[3][:, None, None])
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        x = jax.nn.relu(x.reshape(x.shape[0], -1) @ p[4].T + p[5])
        return cross_entropy(x @ p[6].T + p[7], y)

    return shapes, loss


def resnet():
    shapes, blocks = [], []

    def convolution(inputs, channels, kernel):
        shapes.extend([(channels, inputs, kernel, kernel), ("ones", channels), (channels,)])

    convolution(3, 16, 3)
    inputs = 16
    for channels, first in [(16, 1), (32, 2), (64, 2)]:
        for stride in [first, 1]:
            blocks.append((stride, stride != 1 or inputs != channels))
            convolution(inputs, channels, 3)
            convolution(channels, channels, 3)
            if blocks[-1][1]:
                convolution(inputs, channels, 1)
            inputs = channels
    shapes.extend([(10, 64), (10,)])

    def loss(parameters, x, y):
        left = iter(parameters)

        def normed(x, stride, padding):
            x = convolve(x, next(left), stride, padding)
            mean = x.mean((0, 2, 3), keepdims=True)
            variance = ((x - mean) ** 2).mean((0, 2, 3), keepdims=True)
            scale, shift = next(left)[:, None, None], next(left)[:, None, None]
            # The running statistics are left out, which no gradient needs.
            return (x - mean) * lax.rsqrt(variance + 1e-5) * scale + shift

        x = jax.nn.relu(normed(x, 1, 1))
        for stride, shortcut in blocks:
            body = normed(jax.nn.relu(normed(x, stride, 1)), 1, 1)
            x = jax.nn.relu(body + (normed(x, stride, 0) if shortcut else x))
        return cross_entropy(x.mean((2, 3)) @ next(left).T + next(left), y)

    return shapes, loss


def sampled(width):
    shapes = [(width, 128), (width,), (shared.CLASSES, width), (shared.CLASSES,)]
    signs = np.where(np.arange(1 + shared.NOISE_PER_ITEM) == 0, 1.0, -1.0).astype(np.float32)

    def loss(p, x, rows):
        hidden = jax.nn.relu(x @ p[0].T + p[1])
        scores = jnp.einsum("nkd,nd->nk", p[2][rows], hidden) + p[3][rows]
        return -jax.nn.log_sigmoid(scores * signs).sum(1).mean()

    return shapes, loss


def lstm(width, depth):
    shapes = []
    for layer in range(depth):
        inputs = width if layer else shared.FEATURES
        shapes.extend([(4 * width, inputs), (4 * width, width), (4 * width,), (4 * width,)])

    def loss(p, x, y):
        for layer in range(depth):
            ih, hh, bias_ih, bias_hh = p[4 * layer : 4 * layer + 4]
            parts = x @ ih.T + (bias_ih + bias_hh)

            def cell(carry, part):
                h, c = carry
                i, f, g, o = jnp.split(part + h @ hh.T, 4, 1)
                c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
                h = jax.nn.sigmoid(o) * jnp.tanh(c)
                return (h, c), h

            zeros = jnp.zeros((x.shape[1], width), jnp.float32)
            x = lax.scan(cell, (zeros, zeros), parts)[1]
        return jnp.mean((x - y) ** 2)

    return shapes, loss


def workload(name, given):
    if name in ("W1", "W2", "W5"):
        if name == "W1":
            batch, widths = given.batch or 128, [784] + [given.width or 512] * (given.depth or 2) + [10]
        elif name == "W2":
            batch, widths = given.batch or 32, [64, 128, 64, 10]
        else:
            batch, widths = given.batch or 64, [128, given.width or 256, shared.CLASSES]
        return mlp(widths), shared.inputs((batch, widths[0])), shared.classes(batch, widths[-1])
    if name in ("W3", "W4"):
        batch = given.batch or 64
        shape = (batch, 1, 28, 28) if name == "W3" else (batch, 3, 32, 32)
        return (cnn() if name == "W3" else resnet()), shared.inputs(shape), shared.classes(batch, 10)
    if name == "W5n":
        batch = given.batch or 64
        return sampled(given.width or 256), shared.inputs((batch, 128)), shared.rows(batch)
    batch, width = given.batch or 32, given.width or 128
    shape = (shared.TIME, batch, width)
    targets = [shared.uniform(shared.TARGETS + b, shape, 3**0.5) for b in range(shared.BATCHES)]
    return lstm(width, given.depth or 2), shared.inputs((shared.TIME, batch, shared.FEATURES)), targets


def updates(name):
    """The state for parameters, and the update of one step number, parameters and state by gradients."""
    rate = shared.RATES[name]
    mapped = jax.tree_util.tree_map
    if name in ("W1", "W3", "W6"):

        def adam(t, p, state, g):
            m = mapped(lambda m, g: 0.9 * m + 0.1 * g, state[0], g)
            v = mapped(lambda v, g: 0.999 * v + 0.001 * g * g, state[1], g)
            a, b = 1 - 0.9**t, 1 - 0.999**t
            p = mapped(lambda p, m, v: p - rate / a * m / (jnp.sqrt(v / b) + 1e-8), p, m, v)
            return p, (m, v)

        return (lambda p: (mapped(jnp.zeros_like, p), mapped(jnp.zeros_like, p))), adam
    if name in ("W2", "W4"):

        def nesterov(t, p, state, g):
            v = mapped(lambda v, g: 0.9 * v + g, state, g)
            return mapped(lambda p, g, v: p - rate * (g + 0.9 * v), p, g, v), v

        return (lambda p: mapped(jnp.zeros_like, p)), nesterov
    return (lambda p: ()), (lambda t, p, state, g: (mapped(lambda p, g: p - rate * g, p, g), state))


def main():
    for name in given.names:
        base = shared.peak_megabytes()
        (shapes, loss), inputs, targets = workload(name, given)
        inputs, targets = [jnp.asarray(x) for x in inputs], [jnp.asarray(y) for y in targets]
        start, update = updates(name)
        parameters = weights(shapes)
        carried = [jnp.float32(0), parameters, start(parameters)]

        def whole(t, parameters, state, x, y):
            value, gradients = jax.value_and_grad(loss)(parameters, x, y)
            t = t + 1
            return (t, *update(t, parameters, state, gradients), value)

        whole = jax.jit(whole, donate_argnums=(0, 1, 2))

        def step(batch):
            *carried[:], value = whole(*carried, inputs[batch], targets[batch])
            return value

        shared.measure("jax", name, given, step, base, ready=lambda value: jax.block_until_ready((carried, value)))


if __name__ == "__main__":
    main()
