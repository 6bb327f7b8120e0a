"""How well a predictor does, how much it bears, and what it looks at.

The public face: `evaluate` and its kin score clips, `measure_robustness` scores degraded ones, `measure_representatives` INT8
models of other representative audio, `explain_clip` blanks parts of a patch to see what its score hangs on.
"""

from tinyaudio.learn.evaluate.explanation import Explanation, explain_clip
from tinyaudio.learn.evaluate.quick import QuickPredictor
from tinyaudio.learn.evaluate.representatives import RepresentativePoint, RepresentativeReport, measure_representatives
from tinyaudio.learn.evaluate.robustness import RobustnessPoint, measure_robustness
from tinyaudio.learn.evaluate.scoring import Predictor, PredictorName, clip_means, evaluate, evaluate_float, evaluate_int8, evaluation_of

__all__ = [
    "Explanation",
    "Predictor",
    "PredictorName",
    "QuickPredictor",
    "RepresentativePoint",
    "RepresentativeReport",
    "RobustnessPoint",
    "clip_means",
    "evaluate",
    "evaluate_float",
    "evaluate_int8",
    "evaluation_of",
    "explain_clip",
    "measure_representatives",
    "measure_robustness",
]
