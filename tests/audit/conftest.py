from pathlib import Path

import pandas as pd
import pytest

from tests.audit.drawn import drawn_table, unseen_of
from train.audit.out_of_fold import OutOfFold


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """35 drawings of as many lesions, five of each diagnosis."""
    return drawn_table(tmp_path_factory.mktemp("images"), 35, (96, 128))


@pytest.fixture
def unseen(table: pd.DataFrame, tmp_path: Path) -> OutOfFold:
    """The drawings, with two untrained members that take turns."""
    return unseen_of(table, tmp_path)
