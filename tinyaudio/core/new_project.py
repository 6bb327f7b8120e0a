"""The text of a new project: a commented ``tinyaudio.toml``, a README and an example manifest."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tinyaudio.core.errors import ProjectError
from tinyaudio.core.new_anomaly_project import (
    ANOMALY_FRONTEND,
    ANOMALY_MANIFEST,
    ANOMALY_MODEL_README,
    ANOMALY_README,
    ANOMALY_SMOOTHING_PATCHES,
    ANOMALY_TOML,
)
from tinyaudio.core.presets import DEFAULT_PRESET, preset_names
from tinyaudio.core.project import PROJECT_FILE, Task

_TOML = """\
# A tinyaudio project. Every key may be left out: what stands here behind "#" is the default.

[project]
name = "{name}"
task = "{task}"
# board = "mps2_an500"           # features are computed as on this board; `tinyaudio boards list` shows all
#   (fft_kernel, if set, takes the place of each board's own: "cmsis_q31", "portable_q31" or "esp_sc16")

[data]
manifest = "{manifest}"          # CSV; the files it lists are relative to its folder
# labels = ["dog", "rain"]       # labels that must occur; default: those of the manifest
# label_separator = ""           # "|": a clip may have several labels ("dog|rain"), or none; needs model.head = "sigmoid"
# minimum_clips_per_class = 4
# channels = "mix"               # files with several channels: "mix" averages them, "refuse" calls them an error
# resample = true                # files of another rate: resample them, or (false) call them an error

[data.columns]                   # what the manifest's columns are called
# filename = "filename"
# label = "label"
# group = "group"                # clips of one source (recording, device, place); a group is never in two splits
# split = "split"                # a manifest without this column is split by group

[data.split]                     # which values of the split column mean what
# train = ["train"]
# validation = ["validation"]    # none of these in the manifest: validation groups are drawn from the training split
# test = ["test"]
# validation_fraction = 0.2
# test_fraction = 0.2            # only for a manifest without a split column
# folds = 0                      # 5: in place of test_fraction, five parts with the classes alike in each, for cross-validation,
# test_fold = 1                  # of which this one is tested
# seed = 1

[frontend]                       # lengths in samples and frames, never in milliseconds; the defaults are YAMNet's
{frontend}\
# preset = "yamnet"              # or {presets}; what stands below changes it
# sample_rate_hz = 16000
# window_samples = 400
# hop_samples = 160
# fft_samples = 512
# mel_bands = 64
# mel_low_hz = 125.0
# mel_high_hz = 7500.0
# mel_scale = "htk"              # or "slaney"
# mel_triangles = "mel"          # straight over mel, or over "hz" (librosa)
# mel_norm = "none"              # or "slaney": area 1
# spectrum = "magnitude"         # or "power"
# log_offset = 0.001
# log_scale = 1.0                # factor on the natural logarithm
# patch_frames = 96
# patch_hop_frames = 48
# patch_layout = "frames_first"  # or "bands_first"
# dc_removal = false             # take the mean from each window
# pre_gain_db = 0.0
# microphone_response = []       # [[100.0, -3.0], [1000.0, 0.0]]: (Hz, dB) of the microphone, to be undone
# level_normalization = "none"   # or "running": take a running mean from the log-mel
# level_time_constant_frames = 64
# cepstral_coefficients = 0      # 10: MFCCs in place of the log-mel

[model]
{model}\
# architecture = "mobilenet_v1"  # or "mobilenet_v2", "ds_cnn", "tcn"
# width_multiplier = 0.25
# blocks = 13                    # at most; mobilenet_v2 has 10, ds_cnn 4, tcn 7
# activation = "relu6"           # or "relu", for a backbone that was trained with it
# head = "softmax"               # or "sigmoid": classes that may sound at once
# dropout = 0.2

[train]
# epochs = 40
# batch_size = 32
# learning_rate = 0.005
# patience = 12                  # epochs without a better validation loss
# seed = 1
# class_balance = true
# label_smoothing = 0.05
# loss = "cross_entropy"         # or "focal"
# focal_gamma = 2.0
# temperature_scaling = false    # true: scores are made honest by the validation split, within the classifier's weights
# silence = "drop"               # of training patches: leave them out, or "uniform": teach that they say nothing of the class
# validation = "select"          # the validation split picks the epoch; "include": it is trained on as well, for all epochs

[train.augmentation]             # 0 switches one off
# time_shift_frames = 24
# gain_db = 10.0
# time_mask_frames = 12
# frequency_mask_bands = 8
# mixup = 0.0

[train.audio]                    # changed copies of the training recordings; needs pip install "tinyaudio[augment]"
# versions = 0                   # of each clip; 0: none
# noise_snr_db = 5.0             # at worst
# backgrounds = ""               # folder of recordings to take the noise from
# gain_db = 6.0
# shift_seconds = 0.5
# pitch_semitones = 1.0
# stretch = 0.1
# rooms = ""                     # folder of impulse responses
# microphone_db = 6.0

[train.transfer]                 # start from another model's convolutions
# backbone = ""                  # .keras, .h5 or .tflite; its front end goes into [train.transfer.frontend], as [frontend]
# classifier_l2 = 0.001          # the classifier is fitted first, with this penalty on its weights;
# trainable_blocks = 0           # then it and the backbone's last blocks are trained for train.epochs (0: not at all),
# learning_rate = 0.0001         # at this rate

[train.distillation]             # learn what a larger network says, also of recordings without labels
# teacher = ""                   # backbone file, such as YAMNet's; its front end goes into [train.distillation.frontend]
# width_multiplier = 1.0         # of the teacher, a mobilenet_v1
# blocks = 13
# activation = "relu"
# classifier_l2 = 0.001          # its classifier is fitted to the training split
# share = 0.7                    # of the teacher in the targets of labelled clips
# unlabelled = ""                # folder of recordings without labels

[quantize]
# representative_clips = 120     # `tinyaudio quantize --sensitivity` says how the result moves with their number and choice
# choice = "classes"             # spread over the classes, drawn by seed; or "coverage": over the sounds, the least alike first
# maximum_loss = 1.0             # 0.01: `tinyaudio evaluate` fails if INT8 loses more than one point of clip accuracy
# seed = 1

[tune]                           # what `tinyaudio tune` searches; ranges are [lowest, highest]. Needs pip install "tinyaudio[tune]"
# trials = 30                    # in all, over all runs
# seed = 1
# architectures = ["mobilenet_v1", "mobilenet_v2", "ds_cnn"]
# width_multiplier = [0.1, 0.5]
# blocks = [3, 13]
# dropout = [0.0, 0.4]
# learning_rate = [0.001, 0.02]
# mixup = [0.0, 0.4]
# maximum_ram_bytes = 0          # of the model's arena; 0: any
# maximum_flash_bytes = 0        # of its constants and code, as predicted
# maximum_instructions = 0       # of one inference, as predicted

[firmware]
# smoothing_patches = 3          # decisions are made on the mean over this many patches
# detection_threshold = 0.5
# wanted_precision = 0.0         # 0.95: each label's threshold is set so that this share of its decisions on the validation split is right
# false_alarms_per_hour = 0.0    # 1.0: the threshold is raised until [background] gives no more than this
# class_thresholds = {{}}          # {{siren = 0.7}}: of some labels, in place of all that; 1.0: never

[background]                     # sound in which nothing is to be detected
# hours = 0.0                    # 1.0: an hour to choose thresholds by, and another to test them with
# folder = ""                    # recordings without events, every second one for each purpose; synthetic scenes fill the rest
# seed = 1                       # of the scenes
"""

_README = """\
# {name}

An audio event classifier for a microcontroller, made with tinyaudio.

1. Put recordings (WAV or FLAC) into this folder and list them in `{manifest}`, one row a clip: `filename,label,group,split`.
   `tinyaudio data import FOLDER` does that if FOLDER has a folder for each label. Clips that come from one source (a recording,
   a device, a place) get the same `group`, so that no source is both trained on and tested. The column `split` (train,
   validation, test) may be left out.
2. `tinyaudio data check` names every fault of the data by its row.
3. `tinyaudio run` trains, quantizes, builds the firmware, runs it on an emulated board and compares every
   stage with what was trained. The report is one HTML file under `runs/`.

`{project_file}` holds all settings, with their defaults in comments.
"""

_MODEL_README = """\
# {name}

A project around a finished model, `{model_file}`, made with tinyaudio. Nothing is trained: the model is held against the
front end, compiled, and proven on a board.

1. List recordings to test it with in `{manifest}`, one row a clip: `filename,label,group` (a group is what clips of one
   source share). Labels are those of `[model]`. Where there is a column `split`, the rows marked `test` are used, else all of them.
2. `tinyaudio data check` names every fault of the data by its row; `tinyaudio evaluate` measures the model on it.
3. `tinyaudio run` builds the firmware, runs it on an emulated board and compares every stage with the reference. The
   report is one HTML file under `runs/`.

`{project_file}` holds all settings, with their defaults in comments.
"""

_MANIFEST = """\
filename,label,group,split
audio/example_dog_1.wav,dog,recording_1,train
audio/example_dog_2.wav,dog,recording_2,test
audio/example_rain_1.wav,rain,recording_3,train
audio/example_rain_2.wav,rain,recording_4,test
"""


_SMOOTHED_FRAMES = 64  # that the default of a new anomaly project spans: 4 patches every 16 frames
_MOST_SMOOTHING_PATCHES = 64  # FirmwareTable

_MADE_UP = re.compile(r"audio/example_\d+\.wav")  # what `_model_manifest` lists


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedModel:
    """What a project around a finished model says of it."""

    file: str  # relative to the project
    labels: tuple[str, ...]  # in the order of its outputs; none of an autoencoder
    frontend: Mapping[str, Any]  # keys of [frontend]: a preset, or fields of the front end
    patch_hop_frames: int  # of that front end


def new_project_files(task: Task, name: str, *, manifest: str = "", model: FinishedModel | None = None) -> dict[str, str]:
    """Return the files of a new project.

    Parameters
    ----------
    task
        ``"events"`` or ``"anomaly"``.
    name
        Of the project; characters that a name may not have become ``_``.
    manifest
        An existing manifest to point at, relative to the project or absolute. Empty: an example manifest is written.
    model
        A finished model in place of training; its file is not among those returned.

    Returns
    -------
    dict
        Relative POSIX path -> text.

    Raises
    ------
    ProjectError
        If nothing usable remains of `name`, or `manifest` cannot stand in a TOML string.
    """
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()  # Tür: Tur
    clean_name = re.sub(r"[^A-Za-z0-9_.-]+", "_", plain).lstrip("_.-")[:64]
    if not clean_name:
        raise ProjectError(f"{name!r} is no name for a project", hint="use letters, digits, '_', '-' and '.'", where="project.name")
    if any(character in manifest for character in '"\\\n\r'):
        raise ProjectError(
            f"the manifest's path {manifest!r} has characters that a TOML string would need to escape", hint="rename it", where="data.manifest"
        )
    names = {"name": clean_name, "task": task, "manifest": manifest or "manifest.csv", "project_file": PROJECT_FILE, "frontend": "", "model": ""}
    names["presets"] = ", ".join(f'"{preset}"' for preset in preset_names() if preset != DEFAULT_PRESET)
    if task == "anomaly":
        files = _anomaly_files(names, model)
        return files if manifest else {**files, "manifest.csv": ANOMALY_MANIFEST}
    readme, example = _README, _MANIFEST
    if model is not None:
        names["frontend"] = "".join(f"{key} = {_toml(value)}\n" for key, value in model.frontend.items())
        names["model"] = (
            f"file = {_toml(model.file)}  # finished: nothing is trained\nlabels = {_toml(model.labels)}  # in the order of its outputs\n"
        )
        names["model_file"] = model.file
        readme, example = (
            _MODEL_README,
            _model_manifest(model),
        )
    files = {PROJECT_FILE: _TOML.format(**names), "README.md": readme.format(**names)}
    return files if manifest else {**files, "manifest.csv": example}


def is_example_manifest(filenames: Iterable[str]) -> bool:
    """Return whether a manifest lists nothing but the made-up files of a new project."""
    examples = {row.partition(",")[0] for text in (_MANIFEST, ANOMALY_MANIFEST) for row in text.splitlines()[1:]}
    return all(name in examples or _MADE_UP.fullmatch(name) for name in filenames)


def _anomaly_files(names: Mapping[str, str], model: FinishedModel | None) -> dict[str, str]:
    """Return settings and README of an anomaly project; `names` are filled in."""
    if model is None:
        values: dict[str, Any] = {"frontend": ANOMALY_FRONTEND, "model": "", "smoothing_patches": ANOMALY_SMOOTHING_PATCHES}
        readme = ANOMALY_README
    else:
        values = {
            "frontend": "".join(f"{key} = {_toml(value)}\n" for key, value in model.frontend.items()),
            "model": f"[model]\nfile = {_toml(model.file)}  # a finished autoencoder: nothing is trained\n\n",
            "smoothing_patches": max(1, min(_MOST_SMOOTHING_PATCHES, _SMOOTHED_FRAMES // model.patch_hop_frames)),
            "model_file": model.file,
        }
        readme = ANOMALY_MODEL_README
    return {PROJECT_FILE: ANOMALY_TOML.format(**{**names, **values}), "README.md": readme.format(**{**names, **values})}


def _model_manifest(model: FinishedModel) -> str:
    """Return a manifest with two made-up rows."""
    rows = [
        f"audio/example_{number}.wav,{_csv(label)},recording_{number}" for number, label in enumerate((model.labels[0], model.labels[-1]), start=1)
    ]
    return "\n".join(["filename,label,group", *rows, ""])


def _toml(value: Any) -> str:
    """Return a value as TOML: JSON's strings, numbers, booleans and arrays are TOML's, too."""
    return json.dumps(value, ensure_ascii=False)


def _csv(text: str) -> str:
    """Return a field of a CSV file."""
    return '"' + text.replace('"', '""') + '"' if any(character in text for character in ',"\n') else text
