"""The straight line as readable functions: the only place that knows all three wings."""

from tinyaudio.pipeline.ab import ab_stage
from tinyaudio.pipeline.anomaly import anomaly_evaluate_stage, anomaly_figures, anomaly_gate, anomaly_metrics, threshold_facts
from tinyaudio.pipeline.boards import check_board
from tinyaudio.pipeline.cross_validation import cross_validate, cross_validation_facts
from tinyaudio.pipeline.data import check_data, data_facts, dataset_stage, features_stage
from tinyaudio.pipeline.evaluation import evaluation_page
from tinyaudio.pipeline.firmware import FirmwareRequest, build_facts, build_stage, parse_request, render_stage
from tinyaudio.pipeline.flashing import Flashed, FlashRequest, flash_stage, slot_line
from tinyaudio.pipeline.frontend_bench import FrontendBench, FrontendBenchRequest, bench_frontend
from tinyaudio.pipeline.frontend_spec import choose_spec, show_frontend
from tinyaudio.pipeline.judging import calibrate_stage, evaluate_stage, expected_stage, quantization_gate
from tinyaudio.pipeline.learning import quantize_stage, train_stage
from tinyaudio.pipeline.line import Line, Progress, StageResult, open_line
from tinyaudio.pipeline.live import LiveRequest, live_stage
from tinyaudio.pipeline.metrics import evaluation_metrics
from tinyaudio.pipeline.mixing import MixSettings, mix_data
from tinyaudio.pipeline.model import ModelOutcome, ModelRequest, compare_kernels, compare_runtimes, compile_to_folder, inspect_model, verify_model
from tinyaudio.pipeline.proof import Proof, hil_stage, run_line
from tinyaudio.pipeline.recordings import import_recordings
from tinyaudio.pipeline.robustness import robustness_facts
from tinyaudio.pipeline.self_test import SelfTest, self_test_stage
from tinyaudio.pipeline.sensitivity import sensitivity_facts
from tinyaudio.pipeline.site_alarms import site_alarm_facts, site_alarms_stage
from tinyaudio.pipeline.site_calibration import StoreRequest, site_calibration, site_facts, site_threshold_stage, store_calibration
from tinyaudio.pipeline.starting import ModelSource, new_project, run_demo
from tinyaudio.pipeline.tracking import require_tracker, track
from tinyaudio.pipeline.tuning import Tuned, line_with, tune_line, tuned_facts

__all__ = [
    "FlashRequest",
    "Flashed",
    "FirmwareRequest",
    "FrontendBench",
    "parse_request",
    "FrontendBenchRequest",
    "Line",
    "LiveRequest",
    "MixSettings",
    "ModelOutcome",
    "ModelRequest",
    "ModelSource",
    "Progress",
    "Proof",
    "SelfTest",
    "StageResult",
    "StoreRequest",
    "Tuned",
    "ab_stage",
    "anomaly_evaluate_stage",
    "anomaly_figures",
    "anomaly_gate",
    "anomaly_metrics",
    "bench_frontend",
    "build_facts",
    "build_stage",
    "calibrate_stage",
    "check_board",
    "check_data",
    "choose_spec",
    "compare_kernels",
    "compare_runtimes",
    "compile_to_folder",
    "cross_validate",
    "cross_validation_facts",
    "data_facts",
    "dataset_stage",
    "evaluate_stage",
    "evaluation_page",
    "evaluation_metrics",
    "expected_stage",
    "features_stage",
    "flash_stage",
    "hil_stage",
    "import_recordings",
    "inspect_model",
    "line_with",
    "live_stage",
    "mix_data",
    "new_project",
    "open_line",
    "quantization_gate",
    "quantize_stage",
    "render_stage",
    "require_tracker",
    "run_demo",
    "robustness_facts",
    "run_line",
    "sensitivity_facts",
    "self_test_stage",
    "show_frontend",
    "site_alarm_facts",
    "site_alarms_stage",
    "site_calibration",
    "site_facts",
    "site_threshold_stage",
    "slot_line",
    "store_calibration",
    "threshold_facts",
    "track",
    "train_stage",
    "tune_line",
    "tuned_facts",
    "verify_model",
]
