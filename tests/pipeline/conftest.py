from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that went the whole way once; not to be spoilt."""
    pytest.importorskip("tensorflow", reason='training needs TensorFlow: pip install "tinyaudio[train]"')
    from tests.pipeline.small_project import make_small_project

    directory = tmp_path_factory.mktemp("small")
    make_small_project(directory)
    return directory


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of it, to spoil."""
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))
