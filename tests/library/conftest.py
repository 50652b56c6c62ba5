import pytest

from skin_app.ensemble import Ensemble
from tests.tiny import give_trust, write_weights


@pytest.fixture(scope="session")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    """Random members with made-up limits; nothing is novel, and a side below 100 pixels is small."""
    return Ensemble.load(give_trust(write_weights(tmp_path_factory.mktemp("w") / "weights")))
