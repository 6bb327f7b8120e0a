"""The page about a self-test: every operator, what it cost, and the first that is wrong."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from tinyaudio.core.artifacts import faults_in
from tinyaudio.core.board import Board
from tinyaudio.core.files import write_text_atomically
from tinyaudio.core.kernel_checks import OperatorDifference, SelfTestReport
from tinyaudio.core.templating import render_template


def self_test_facts(report: SelfTestReport) -> dict[str, Any]:
    """Return the facts of a self-test, keys as documented in the command line's contract."""
    operators = [
        {
            "index": operator.index,
            "name": operator.name,
            "elements": operator.elements,
            "mismatches": list(operator.mismatches),
            report.unit: operator.cost,
        }
        for operator in report.operators
    ]
    return {
        "board": report.board,
        "runtime": report.identity.runtime,
        "model_kernels": report.identity.model_kernels,
        "depth": report.depth,
        "self_test": {
            "operators": len(report.operators),
            "passed": len(report.operators) - len(report.failed),
            "failed": len(report.failed),
            "first": None if report.first is None else dataclasses.asdict(report.first),
            "inputs": list(report.inputs),
            "oracle": report.oracle,
            "by_operator": operators,
        },
        "log": list(report.log),
        "faults": list(faults_in(report.log)),
        "device": dataclasses.asdict(report.identity),
        "elf_sha256": report.elf_sha256,
    }


def describe_difference(first: OperatorDifference) -> str:
    """Return one sentence that names the operator, the element, and what it is instead of what it should be."""
    place = f" ({_place(first)})" if first.place else ""
    return (
        f"operator {first.operator_index} ({first.operator}) is the first that differs: element {first.element_index}{place} is {first.actual} "
        f"instead of {first.expected}; {first.mismatches:,} of {first.elements:,} differ on golden input {first.vector_index} ({first.vector})"
    )


def write_self_test_page(report: SelfTestReport, board: Board, project_name: str, directory: Path) -> Path:
    """Write ``report.html`` and ``report.json`` into `directory`; return the page's path."""
    page = directory / "report.html"
    write_text_atomically(directory / "report.json", json.dumps(self_test_facts(report), indent=1, sort_keys=True) + "\n")
    write_text_atomically(page, render_self_test_page(report, board, project_name))
    return page


def render_self_test_page(report: SelfTestReport, board: Board, project_name: str) -> str:
    """Return the HTML text; it names no other file and no network address."""
    context = {
        "title": f"Self-test of {project_name} on {board.name}",
        "board": board,
        "report": report,
        "faults": faults_in(report.log),
        "difference": "" if report.first is None else describe_difference(report.first),
        "compared": sum(operator.elements for operator in report.operators) * len(report.inputs),
        "cost": sum(operator.cost for operator in report.operators),
    }
    return render_template("report/self_test.html.j2", context)


def _place(first: OperatorDifference) -> str:
    """Return "row 15, column 3, channel 2 of 16x32x8" for an image, plain indices for anything else."""
    shape = "x".join(str(size) for size in first.shape[1:] or first.shape)
    if len(first.place) == 4:
        _, row, column, channel = first.place
        return f"row {row}, column {column}, channel {channel} of {shape}"
    return f"index {', '.join(str(index) for index in first.place[1:] or first.place)} of {shape}"
