#!/usr/bin/env python3
"""Measures how a step's time and memory grow, and draws it: docs/growth.jsonl and docs/growth-*.svg.

    cargo build --release -p limpid-benches --bin steps
    benches/plots.py --python benches/peers/.venv/bin/python     measures, beside PyTorch, and draws
    benches/plots.py --draw                                       draws what docs/growth.jsonl holds
"""

import argparse
import json
import math
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
RECORD = DOCS / "growth.jsonl"
SWEEPS = {
    "batch": [8, 16, 32, 64, 128, 256, 512, 1024, 2048],
    "width": [32, 64, 128, 256, 512, 1024, 2048],
    "depth": [1, 2, 4, 8, 16, 32],
}
NAMES = ["W1", "W2", "W3", "W4", "W5", "W5n", "W6"]
COLORS = {"limpid": "#1b6ca8", "PyTorch": "#d1603d"}


def measure(python):
    programs = {"limpid": [HERE.parent / "target/release/steps"]}
    if python:
        programs["PyTorch"] = [python, HERE / "peers/pytorch.py", "--mode", "eager"]
    lines = []

    def run(program, sweep, value, workload, threads, *sizes):
        command = [*programs[program], "--workload", workload, "--threads", threads, "--before", 5, "--repeats", 5]
        command += ["--seconds", 0.1, *sizes]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
        line = json.loads(done.stdout)
        lines.append({"program": program, "sweep": sweep, "value": value, **{key: line[key] for key in KEPT}})
        print(program, sweep, value, workload, f"{line['median_ms']:.3f} ms", flush=True)

    for sweep, values in SWEEPS.items():
        for value in values:
            for program in programs:
                run(program, sweep, value, "W1", 2, f"--{sweep}", value)
    for workload in NAMES:
        for threads in [1, 2]:
            run("limpid", "threads", threads, workload, threads)
    RECORD.write_text("".join(json.dumps(line) + "\n" for line in lines))


KEPT = ["workload", "median_ms", "min_ms", "base_mb", "peak_mb"]


def parameters(width):
    """Those of W1 with two hidden layers of this width."""
    return 784 * width + width + width * width + width + 10 * width + 10


def chart(path, title, across, up, series):
    """Lines through points on two logarithmic axes."""
    width, height, left, bottom, top, right = 460, 300, 58, 44, 30, 14
    points = [point for line in series.values() for point in line]
    low = [math.floor(math.log10(min(p[axis] for p in points))) for axis in (0, 1)]
    high = [math.ceil(math.log10(max(p[axis] for p in points))) for axis in (0, 1)]

    def place(point):
        share = [(math.log10(point[axis]) - low[axis]) / (high[axis] - low[axis]) for axis in (0, 1)]
        return left + share[0] * (width - left - right), height - bottom - share[1] * (height - top - bottom)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{left}" y="18" font-size="13">{title}</text>',
        f'<text x="{(left + width - right) / 2}" y="{height - 8}" text-anchor="middle">{across}</text>',
        f'<text x="14" y="{(top + height - bottom) / 2}" text-anchor="middle" '
        f'transform="rotate(-90 14 {(top + height - bottom) / 2})">{up}</text>',
    ]
    for axis in (0, 1):
        for power in range(low[axis], high[axis] + 1):
            at = [10.0 ** low[0], 10.0 ** low[1]]
            at[axis] = 10.0**power
            (x, y), label = place(at), f"{10.0**power:g}"
            if axis == 0:
                parts.append(f'<path d="M{x:.1f} {y:.1f}V{top}" stroke="#dddddd"/>')
                parts.append(f'<text x="{x:.1f}" y="{y + 14:.1f}" text-anchor="middle">{label}</text>')
            else:
                parts.append(f'<path d="M{x:.1f} {y:.1f}H{width - right}" stroke="#dddddd"/>')
                parts.append(f'<text x="{x - 4:.1f}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for number, (name, line) in enumerate(series.items()):
        color = COLORS[name]
        places = " ".join("{:.1f},{:.1f}".format(*place(point)) for point in line)
        parts.append(f'<polyline points="{places}" fill="none" stroke="{color}" stroke-width="1.6"/>')
        parts += ['<circle cx="{:.1f}" cy="{:.1f}" r="2.5" fill="{}"/>'.format(*place(p), color) for p in line]
        parts.append(f'<text x="{left + 8}" y="{top + 14 + 14 * number}" fill="{color}">{name}</text>')
    path.write_text("\n".join([*parts, "</svg>\n"]))


def draw():
    lines = [json.loads(line) for line in RECORD.read_text().splitlines()]
    programs = dict.fromkeys(line["program"] for line in lines)

    def series(sweep, across, up):
        chosen = [line for line in lines if line["sweep"] == sweep]
        return {p: [(across(line), up(line)) for line in chosen if line["program"] == p] for p in programs}

    for sweep in SWEEPS:
        title = f"W1: time of a step against {sweep}"
        points = series(sweep, lambda line: line["value"], lambda line: line["median_ms"])
        chart(DOCS / f"growth-{sweep}.svg", title, sweep, "ms a step", points)
    memory = series("width", lambda line: parameters(line["value"]), lambda line: line["peak_mb"])
    chart(DOCS / "growth-memory.svg", "W1: peak memory against parameters", "parameters", "MB", memory)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", help="of the environment with PyTorch; without it limpid is measured alone")
    parser.add_argument("--draw", action="store_true", help="draw only")
    given = parser.parse_args()
    if not given.draw:
        measure(given.python)
    draw()


if __name__ == "__main__":
    main()
