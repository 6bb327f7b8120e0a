"""Studies over architecture and training: as right as can be, at as little cost as can be, within limits.

The public face: `run_study` with predictors of cost and quality handed in, `pareto_front` and `best_trial` of what it found.
"""

from tinyaudio.learn.tuning.study import PredictedCost, Trial, TrialSettings, best_trial, cost_problems, pareto_front, run_study

__all__ = ["PredictedCost", "Trial", "TrialSettings", "best_trial", "cost_problems", "pareto_front", "run_study"]
