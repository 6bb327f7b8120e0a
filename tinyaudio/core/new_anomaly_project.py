"""The text of a new anomaly project: a commented ``tinyaudio.toml``, a README and an example manifest."""

from __future__ import annotations

ANOMALY_TOML = """\
# A tinyaudio project that learns how a machine sounds. Every key may be left out: what stands here behind "#" is the default.

[project]
name = "{name}"
task = "anomaly"
# board = "mps2_an500"           # features are computed as on this board; `tinyaudio boards list` shows all

[data]
manifest = "{manifest}"          # CSV; the files it lists are relative to its folder
# minimum_clips_per_class = 4    # of normal sound
# channels = "mix"               # files with several channels: "mix" averages them, "refuse" calls them an error
# resample = true                # files of another rate: resample them, or (false) call them an error

[data.columns]                   # what the manifest's columns are called
# filename = "filename"
# label = "label"                # "normal", or the name of a fault
# group = "group"                # clips of one recording, or of one day; a group is never in two splits
# split = "split"                # a manifest without this column is split by group

[data.split]                     # which values of the split column mean what
# train = ["train"]
# validation = ["validation"]    # sets the threshold; none of these in the manifest: groups are drawn from the training split
# test = ["test"]
# validation_fraction = 0.2
# test_fraction = 0.2            # only for a manifest without a split column
# seed = 1

{model}[anomaly]
# normal = ["normal"]            # labels of sound as it should be; only such clips are trained on
# machine_column = "machine"     # of the manifest, if it has one: figures are told by machine
# architecture = "conv_ae"       # or "dense_ae", the autoencoder of MLPerf Tiny; these two are trained. On the embedding of a backbone
                                 # (see the end of this file): "mahalanobis", "centroids", "one_class_svm", "isolation_forest"
# stages = 3                     # conv_ae: each halves both sides of the patch
# channels = 16                  # conv_ae: of the first stage
# bottleneck = 32                # numbers that a patch is squeezed into
# upsampling = "transposed"      # or "resize"
# threshold = "sigma"            # mean + sigma deviations of normal sound, or "false_alarms": a wanted rate of them
# sigma = 5.0
# false_alarms_per_hour = 0.1
# minimum_seconds = 60.0         # of normal sound in the validation split
# maximum_auc_loss = 0.01        # `tinyaudio evaluate` fails if INT8 loses more AUC of patches
# components = 8                 # on a backbone: directions of the embedding that are looked at one by one
# centroids = 8                  # centroids: how many usual sounds there are
# outlier_share = 0.05           # one_class_svm: of the normal patches that may lie outside
# trees = 40                     # isolation_forest
# tree_samples = 32              # isolation_forest: patches, drawn for each tree

[frontend]                       # lengths in samples and frames; machines are steady, so windows are long
{frontend}# level_normalization = "none"   # or "running": how loud it is says nothing

[train]
# epochs = 40
# batch_size = 32
# learning_rate = 0.005
# patience = 12                  # epochs without a better validation loss
# seed = 1

[quantize]
# representative_clips = 120     # of normal training clips
# seed = 1

[firmware]
smoothing_patches = {smoothing_patches:<13}# alarms are made on the mean score of this many patches

# A kind that scores the embedding of a backbone (a network that was trained on other sound, and stays as it is) needs these
# sections, and [frontend] must be the backbone's: preset = "yamnet" in the place of all that stands there.
#
#   [model]                       # the backbone's body; the averages behind its last block are the embedding
#   architecture = "mobilenet_v1"
#   width_multiplier = 1.0
#   blocks = 5                    # as many of YAMNet's 13 were enough for every machine that was tried
#   activation = "relu"
#
#   [train.transfer]
#   backbone = "yamnet.tflite"    # .keras, .h5 or .tflite
#
#   [train.transfer.frontend]     # what the backbone was trained on
#   preset = "yamnet"
"""

#: ``[frontend]`` where nothing else is asked for.
ANOMALY_FRONTEND = """\
window_samples = 1024
hop_samples = 512
fft_samples = 1024
mel_low_hz = 60.0
patch_frames = 32
patch_hop_frames = 16
"""
ANOMALY_SMOOTHING_PATCHES = 4

ANOMALY_MODEL_README = """\
# {name}

A microcontroller tells when a machine sounds otherwise than usual, by a finished autoencoder, `{model_file}`; made with tinyaudio.
Nothing is trained: the model is held against the front end, compiled, and proven on a board.

1. List recordings of the machine as it should be (label `normal`, some minutes of all its loads) and of its faults in `{manifest}`,
   one row a clip: `filename,label,group,split,machine`. Normal sound that is not for testing sets the threshold. Clips of one recording,
   or of one day, share a `group`; the columns `split` (validation, test) and `machine` may be left out.
2. `tinyaudio data check` names every fault of the data by its row; `tinyaudio calibrate` sets the threshold.
3. `tinyaudio run` builds the firmware, runs it on an emulated board and compares every stage and every score with the reference.
   The report is one HTML file under `runs/`.

`{project_file}` holds all settings, with their defaults in comments.
"""

ANOMALY_README = """\
# {name}

A microcontroller learns how a machine sounds and tells when it sounds otherwise; made with tinyaudio.

1. Put recordings of the machine as it should be (WAV or FLAC, some minutes of all its loads) into this folder and list them
   in `{manifest}`, one row a clip: `filename,label,group,split,machine`. The label of such clips is `normal`; a few recordings
   of faults, labelled by what is wrong, tell what will be found. Clips of one recording, or of one day, share a `group`.
   The columns `split` (train, validation, test) and `machine` may be left out. `tinyaudio data import FOLDER` lists what lies in
   FOLDER/normal/ and in a folder for each fault.
2. `tinyaudio data check` names every fault of the data by its row.
3. `tinyaudio run` trains on normal sound, quantizes, sets the threshold, builds the firmware, runs it on an emulated board and
   compares every stage and every score with what was trained. The report is one HTML file under `runs/`.

`{project_file}` holds all settings, with their defaults in comments.
"""

ANOMALY_MANIFEST = """\
filename,label,group,split,machine
audio/monday_1.wav,normal,monday,train,pump_1
audio/tuesday_1.wav,normal,tuesday,validation,pump_1
audio/wednesday_1.wav,normal,wednesday,test,pump_1
audio/broken_bearing_1.wav,bearing,friday,test,pump_1
"""
