"""Clips with several labels, or none: manifest, faults, splits, targets, training, scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.learn.conftest import FRONTEND
from tests.mixtures import LABELS, write_mixtures
from tinyaudio.core.artifacts import FeatureSet
from tinyaudio.core.errors import ProjectError
from tinyaudio.core.evaluation import decisions_of, headline_figures, headline_value, is_right, named, worst_clips
from tinyaudio.core.metrics import mean_average_precision
from tinyaudio.core.project import Project, load_project, parse_project
from tinyaudio.dsp.frontend import design_frontend
from tinyaudio.learn.dataset import Row, assign_splits, check_data, clip_reader, compute_features, load_dataset, patch_features
from tinyaudio.learn.dataset.splits import stratified_group_folds
from tinyaudio.learn.evaluate import evaluate
from tinyaudio.learn.training.augmentation import training_patches
from tinyaudio.learn.training.targets import balanced_labels, training_targets

SEVERAL = '[data]\nlabel_separator = "|"\n[model]\nhead = "sigmoid"\n'
HEADER = "filename,label,group,split\n"
#: Rows 2 to 11. Three have no label.
FIELDS = ("a|b", "b", "", "b | a", "a", "", "b", "b|a", "", "a")
SPLITS = ("train",) * 4 + ("validation",) * 3 + ("test",) * 3
GOOD = HEADER + "".join(f"good_{index}.wav,{field},g{index},{split}\n" for index, (field, split) in enumerate(zip(FIELDS, SPLITS, strict=True)))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    directory = tmp_path_factory.mktemp("mixtures")
    write_mixtures(directory, recordings={"train": 6, "validation": 2, "test": 2})
    training = "width_multiplier = 0.1\nblocks = 4\n[train]\nepochs = 8\nbatch_size = 16\nlearning_rate = 0.01\nlabel_smoothing = 0.0\n"
    augmentation = "[train.augmentation]\ntime_shift_frames = 4\ntime_mask_frames = 0\nfrequency_mask_bands = 0\n"
    (directory / "tinyaudio.toml").write_text(f'[project]\nname = "x"\n{FRONTEND}{SEVERAL}{training}{augmentation}')
    return load_project(directory)


@pytest.fixture(scope="module")
def features(project: Project) -> FeatureSet:
    return compute_features(load_dataset(project), clip_reader(project), design_frontend(project.frontend, kernel="cmsis_q31"))


def test_labels_are_read_in_any_order_and_a_clip_may_have_none(make_project: Any) -> None:
    check = check_data(make_project(GOOD, SEVERAL))
    assert check.problems == ()
    assert (check.clips, check.labels, check.clips_of_split) == (10, ("a", "b"), {"train": 4, "validation": 3, "test": 3})
    assert check.clips_by_split["train"] == {"a": 2, "b": 3}
    assert check.dataset is not None
    assert [check.dataset.labels_of(clip) for clip in check.dataset.clips[:4]] == [("a", "b"), ("b",), (), ("a", "b")]
    np.testing.assert_array_equal(check.dataset.truth_of(check.dataset.clips[:3]), [[True, True], [False, True], [False, False]])
    assert set(check.dataset.label_indices_of(check.dataset.clips)) == {-1}


@pytest.mark.parametrize(
    ("field", "toml", "message"),
    [
        ("a||b", "", "'a||b' has an empty label; take the '|' too many out"),
        ("a|b|a", "", "the label 'a' is listed twice in 'a|b|a'"),
        ("a|bb", 'labels = ["a", "b"]\n', "the label 'bb' is not in data.labels; did you mean 'b'?"),
    ],
)
def test_faulty_labels_are_named_with_their_row(make_project: Any, field: str, toml: str, message: str) -> None:
    check = check_data(make_project(GOOD.replace("good_1.wav,b,", f"good_1.wav,{field},"), SEVERAL.replace("[model]", f"{toml}[model]")))
    problem = next(problem for problem in check.problems if problem.kind == "bad_row")
    assert (problem.row, problem.severity) == (3, "error")
    assert message in problem.message


def test_what_nothing_tells_apart_is_found(make_project: Any) -> None:
    everywhere = GOOD.replace(",,", ",a,").replace("good_1.wav,b,", "good_1.wav,a|b,")
    kinds = {problem.kind: problem for problem in check_data(make_project(everywhere, SEVERAL)).problems}
    assert kinds["label_always_occurs"].severity == "error"
    assert "has the label 'a': nothing tells what lacks it" in kinds["label_always_occurs"].message
    together = GOOD.replace(",b,", ",a|b,").replace(",a,", ",a|b,")
    problems = [problem for problem in check_data(make_project(together, SEVERAL)).problems if problem.kind == "labels_always_together"]
    assert [problem.severity for problem in problems] == ["warning"]
    assert "'a' and 'b' always occur together" in problems[0].message


def test_a_forgotten_separator_is_suspected(make_project: Any) -> None:
    one_each = GOOD.replace(",,", ",b,").replace("b | a", "a|b").replace("b|a", "a")
    problems = [problem for problem in check_data(make_project(one_each)).problems if problem.kind == "several_labels"]
    assert [problem.severity for problem in problems] == ["warning"]
    assert "'a|b' looks like several labels; data.label_separator = '|'" in problems[0].message


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('[data]\nlabel_separator = "|"\n', r'model\.head: must be "sigmoid"'),
        ('[data]\nlabel_separator = "and"\n', r"data\.label_separator: string should match pattern"),
    ],
)
def test_a_softmax_cannot_name_several(tmp_path: Path, toml: str, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        parse_project(f'[project]\nname = "x"\n{toml}', directory=tmp_path)


def several_rows(*, split_value: str | None = None) -> list[Row]:
    """Three frequent labels, mixed, and a rare one in every ninth group."""
    rows = []
    for group in range(54):
        labels = [label for label, every in (("common", 2), ("often", 3), ("some", 4), ("rare", 9)) if group % every == 0]
        rows += [
            Row(
                number=2,
                filename=f"{group}_{clip}",
                label="|".join(sorted(labels)),
                group=f"g{group}",
                split_value=split_value,
                label_separator="|",
            )
            for clip in range(2)
        ]
    return rows


def test_every_label_is_spread_over_the_folds_in_whole_groups() -> None:
    rows = several_rows()
    folds = stratified_group_folds(rows, folds=3, seed=1)
    assert all(len({fold for row, fold in zip(rows, folds, strict=True) if row.group == name}) == 1 for name in {row.group for row in rows})
    for label, slack in (("common", 4), ("often", 4), ("some", 4), ("rare", 0)):
        held = [sum(label in row.labels and fold == number for row, fold in zip(rows, folds, strict=True)) for number in (1, 2, 3)]
        assert max(held) - min(held) <= slack, (label, held)
    without = [sum(not row.labels and fold == number for row, fold in zip(rows, folds, strict=True)) for number in (1, 2, 3)]
    assert max(without) - min(without) <= 4


@pytest.mark.parametrize("seed", range(3))
def test_drawn_splits_hold_every_label(seed: int) -> None:
    from tinyaudio.core.project import SplitTable

    rows = several_rows()
    splits = assign_splits(rows, SplitTable(seed=seed))
    for name in ("train", "validation", "test"):
        chosen = [row for row, split in zip(rows, splits, strict=True) if split == name]
        assert {label for row in chosen for label in row.labels} == {"common", "often", "some", "rare"}
        assert any(not row.labels for row in chosen)


def test_patches_have_the_labels_of_their_clip(features: FeatureSet) -> None:
    patch_set = patch_features(features, "test")
    assert patch_set.truth.shape == (len(patch_set.log_mel), len(LABELS))
    clip = next(index for index, clip in enumerate(patch_set.clips) if clip.label == "alarm|engine")
    start, stop = patch_set.patch_offsets[clip : clip + 2]
    assert patch_set.truth[start:stop].tolist() == [[True, True, False]] * (stop - start)


def test_silence_has_no_label_where_none_need_be_named(features: FeatureSet) -> None:
    import dataclasses

    floor = round(np.log(features.spec.log_offset) * 2**features.log_fraction_bits)
    log_mel = features.log_mel.copy()
    start, stop = features.frame_offsets[4:6]  # of a clip with two labels
    log_mel[start + 10 : stop] = floor
    source = training_patches(dataclasses.replace(features, log_mel=log_mel), silence="uniform")
    targets = training_targets(source)
    assert (~source.is_heard).any()
    assert not targets[~source.is_heard].any()
    assert (targets[source.is_heard].sum(axis=1) == 2).any()


def test_a_label_weighs_as_much_as_its_absence() -> None:
    truth = np.zeros((100, 2), np.bool_)
    truth[:20, 0] = truth[:2, 1] = True
    weights = balanced_labels(truth)
    assert weights[truth[:, 0], 0].sum() == pytest.approx(weights[~truth[:, 0], 0].sum(), rel=1e-5)
    assert weights[0, 1] / weights[50, 1] == pytest.approx(10.0, rel=1e-5)  # and not 49
    np.testing.assert_allclose(weights.mean(axis=0), 1.0, rtol=1e-5)


def test_several_labels_are_learned_and_scored(project: Project, features: FeatureSet) -> None:
    pytest.importorskip("tensorflow", reason="training needs TensorFlow: pip install 'tinyaudio[train]'")
    from tinyaudio.learn.training import FloatPredictor, train

    trained = train(features, project.model, project.train)
    assert trained.train_loss[-1] < 0.8 * trained.train_loss[0]
    result = evaluate(FloatPredictor(trained), "float", features)
    assert result.truth is not None
    chance = float(result.truth.mean())
    assert headline_value(result) == pytest.approx(mean_average_precision(result.truth, result.scores))
    assert headline_value(result) > chance + 0.15
    assert result.confusion.shape == (3, 2, 2)
    assert result.confusion.sum(axis=(1, 2)).tolist() == [len(result.filenames)] * 3


class Said:
    """A predictor that says what it is told to of each clip."""

    name = "float"

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores

    def predict(self, patch_set: Any, *, on_progress: Any = None) -> np.ndarray:
        return np.repeat(self.scores, np.diff(patch_set.patch_offsets), axis=0)


def test_a_clip_is_right_if_every_label_is(features: FeatureSet) -> None:
    truth = features.dataset.truth_of(features.dataset.of_split("test"))
    scores = np.where(truth, 0.8, 0.1)
    scores[4, 1] = 0.3  # one of two labels is missed
    scores[0, 2] = 0.9  # one is heard where nothing is
    result = evaluate(Said(scores), "float", features)
    assert result.accuracy == pytest.approx(12 / 14)
    assert np.flatnonzero(~is_right(result)).tolist() == [0, 4]
    assert worst_clips(result, count=5) == (0, 4)
    assert named(result, decisions_of(result)[0]) == "knocking"
    assert named(result, truth[0]) == "nothing"
    assert named(result, truth[4]) == "alarm + engine"
    headlines = headline_figures(result, [str(index) for index in range(14)], draws=200)
    assert [item.name for item in headlines] == ["mAP", "macro F1", "accuracy"]
    assert all(item.lower <= item.value <= item.upper for item in headlines)
