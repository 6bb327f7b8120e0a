"""``[anomaly]``: what is normal, the model, and when its score is an alarm."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from tinyaudio.core.project.section import Section, as_tuples

AnomalyKind = Literal["conv_ae", "dense_ae", "mahalanobis", "centroids", "one_class_svm", "isolation_forest"]

#: Kinds that score the embedding of a backbone, which is not trained.
ONE_CLASS_KINDS = ("mahalanobis", "centroids", "one_class_svm", "isolation_forest")


class AnomalyTable(Section):
    """``[anomaly]``: only looked at where ``project.task`` is "anomaly"."""

    normal: Annotated[tuple[str, ...], BeforeValidator(as_tuples), Field(min_length=1)] = ("normal",)  # labels of sound as it should be
    machine_column: str = Field(default="machine", min_length=1)  # of the manifest; may be missing
    architecture: AnomalyKind = "conv_ae"
    stages: int = Field(default=3, ge=2, le=4)  # conv_ae: each halves both sides of the patch
    channels: int = Field(default=16, ge=4, le=64)  # conv_ae: of the first stage; the others have twice as many
    bottleneck: int = Field(default=32, ge=4, le=64)  # numbers that a patch is squeezed into
    upsampling: Literal["transposed", "resize"] = "transposed"  # conv_ae: how the way back doubles both sides
    threshold: Literal["sigma", "false_alarms"] = "sigma"  # mean + sigma deviations of normal sound, or a wanted rate of false alarms
    sigma: float = Field(default=5.0, ge=1.0, le=20.0)
    false_alarms_per_hour: float = Field(default=0.1, gt=0.0, le=3_600.0)
    minimum_seconds: float = Field(default=60.0, ge=1.0)  # of normal sound that was not trained on, to set the threshold by
    maximum_auc_loss: float = Field(default=0.01, ge=0.0, le=1.0)  # of patches, float less INT8; more fails the evaluation
    # What scores an embedding; see core.one_class.
    components: int = Field(default=8, ge=1, le=64)  # all but isolation_forest: directions that are looked at one by one
    centroids: int = Field(default=8, ge=1, le=256)  # centroids: how many usual sounds there are
    outlier_share: float = Field(
        default=0.05, gt=0.0, lt=1.0
    )  # one_class_svm: nu, of the normal patches that may lie outside; more keep more vectors
    trees: int = Field(default=40, ge=1, le=256)  # isolation_forest
    tree_samples: int = Field(default=32, ge=2, le=256)  # isolation_forest: patches, drawn for each tree

    @property
    def is_one_class(self) -> bool:
        """Whether the model scores the embedding of a backbone instead of reconstructing its input."""
        return self.architecture in ONE_CLASS_KINDS
