"""Of the Evidence tab: the scores of the full answer, and what its heavy parts are cached by."""

from dataclasses import dataclass, field
from typing import Any

from skin_app.views import VIEWS
from skin_app.weights.folder import WeightsFolder
from skin_app.words.language import Say


@dataclass(frozen=True)
class Asked:
    """Cache key of a set of weights and a language; requests for the same pair compare equal."""

    hash: str
    language: str
    weights: WeightsFolder = field(compare=False, repr=False)
    say: Say = field(compare=False, repr=False)

    @classmethod
    def of(cls, say: Say, weights: WeightsFolder) -> "Asked":
        return cls(weights.hash, say.code, weights, say)


def scores_by_rule(weights: WeightsFolder) -> dict[str, dict[str, Any]]:
    """The scores of the full answer by decision rule; empty for weights without scores."""
    return weights.contract.scores.get(f"views_{VIEWS}", {})
