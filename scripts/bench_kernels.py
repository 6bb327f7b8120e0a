"""Measure what the FFT kernels cost in INT8 accuracy: trains a project on each kernel's features and tests it on each kernel's.

A pair of two different kernels is a model that was trained for one board and runs on another. With several seeds every
training is repeated; the project's own seed comes first. Prints a table, or with --json one object.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tinyaudio.core.artifacts import FeatureSet
from tinyaudio.core.errors import TinyaudioError
from tinyaudio.core.project import Project, load_project
from tinyaudio.core.spec import KernelId
from tinyaudio.dsp.frontend import design_frontend
from tinyaudio.dsp.frontend.kernels import KERNELS
from tinyaudio.learn.dataset import clip_reader, compute_features, load_dataset
from tinyaudio.learn.evaluate import evaluate_int8
from tinyaudio.learn.oracle import expected_outputs
from tinyaudio.learn.quantize import quantize
from tinyaudio.learn.training import train


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The INT8 accuracy of one model on the features of one kernel."""

    trained_with: KernelId
    tested_with: KernelId
    seed: int
    clips: int
    accuracy: float
    changed_clips: int  # whose class differs from the one that the kernel of the training gives


def measure_kernels(project: Project, kernels: list[KernelId], *, seeds: int) -> Iterator[Result]:
    """Yield a result for every seed and every pair of kernels."""
    dataset = load_dataset(project)
    read = clip_reader(project)
    features = {kernel: compute_features(dataset, read, design_frontend(project.frontend, kernel=kernel)) for kernel in kernels}
    for seed in range(project.train.seed, project.train.seed + seeds):
        for kernel in kernels:
            yield from _measure_training(project, features, kernel, seed=seed)


def _measure_training(project: Project, features: dict[KernelId, FeatureSet], kernel: KernelId, *, seed: int) -> Iterator[Result]:
    own = features[kernel]
    trained = train(own, project.model, project.train.model_copy(update={"seed": seed}))
    quantized = quantize(trained, own, project.quantize)
    classes = None
    for other in (kernel, *(other for other in features if other != kernel)):
        # The evaluation refuses features of another front end, for good reason; here the difference is what is measured.
        tested = dataclasses.replace(features[other], kernel=kernel, frontend_fingerprint=own.frontend_fingerprint)
        evaluation = evaluate_int8(quantized, expected_outputs(quantized, tested), tested)
        chosen = np.argmax(evaluation.scores, axis=1)
        classes = chosen if classes is None else classes
        yield Result(
            trained_with=kernel,
            tested_with=other,
            seed=seed,
            clips=len(chosen),
            accuracy=evaluation.accuracy,
            changed_clips=int(np.count_nonzero(chosen != classes)),
        )


def main() -> int:
    """Run the measurements that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path, help="a project's folder, such as runs/esc10 behind scripts/esc10")
    parser.add_argument("--kernel", action="append", choices=list(KERNELS), help="kernel to compare (default: all)")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each kernel (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()

    results = []
    try:
        for result in measure_kernels(load_project(arguments.project), arguments.kernel or list(KERNELS), seeds=arguments.seeds):
            results.append(result)
            print(
                f"seed {result.seed}: trained with {result.trained_with:13} tested with {result.tested_with:13} "
                f"accuracy {result.accuracy:.4f} of {result.clips} clips, {result.changed_clips} changed",
                file=sys.stderr,
                flush=True,
            )
    except TinyaudioError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for pair in dict.fromkeys((result.trained_with, result.tested_with) for result in results):
        accuracies = [result.accuracy for result in results if (result.trained_with, result.tested_with) == pair]
        print(f"{pair[0]:13} -> {pair[1]:13} mean {statistics.mean(accuracies):.4f} of {len(accuracies)} trainings", file=sys.stderr)
    if arguments.json:
        print(json.dumps({"results": [dataclasses.asdict(result) for result in results]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
