"""Artifacts -> one self-contained HTML page with pictures, and the same facts as JSON."""

from tinyaudio.report.anomaly_page import AnomalyExample, AnomalyPageInputs, alarm_facts, anomaly_facts, render_anomaly_page, write_anomaly_page
from tinyaudio.report.arena import ArenaBuffer, ArenaTimeline, write_arena_picture
from tinyaudio.report.evaluation_page import render_evaluation_page, write_evaluation_page
from tinyaudio.report.evaluation_values import Condition, EvaluationPageInputs, WorstClip
from tinyaudio.report.facts import comparison_facts, report_facts
from tinyaudio.report.frontend_pictures import write_frontend_pictures
from tinyaudio.report.page import write_report
from tinyaudio.report.pareto import ParetoPoint, write_pareto_picture
from tinyaudio.report.representatives import RepresentativeRow, write_representatives_picture
from tinyaudio.report.self_test import describe_difference, render_self_test_page, self_test_facts, write_self_test_page
from tinyaudio.report.values import ExampleClip, KernelDistance, ReportInputs

__all__ = [
    "AnomalyExample",
    "AnomalyPageInputs",
    "ArenaBuffer",
    "ArenaTimeline",
    "Condition",
    "EvaluationPageInputs",
    "ExampleClip",
    "KernelDistance",
    "ParetoPoint",
    "ReportInputs",
    "RepresentativeRow",
    "WorstClip",
    "alarm_facts",
    "anomaly_facts",
    "comparison_facts",
    "describe_difference",
    "render_anomaly_page",
    "render_evaluation_page",
    "render_self_test_page",
    "report_facts",
    "self_test_facts",
    "write_anomaly_page",
    "write_arena_picture",
    "write_evaluation_page",
    "write_frontend_pictures",
    "write_pareto_picture",
    "write_report",
    "write_representatives_picture",
    "write_self_test_page",
]
