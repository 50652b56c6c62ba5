import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.covariance import LedoitWolf

from skin_app.novelty import (
    ClassDistances,
    NoveltyDetector,
    NoveltyError,
    NoveltyLimits,
    UsualDistance,
)
from train.audit.fitted_novelty import fit_distances


def embeddings(images: int = 400, channels: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Seven Gaussian classes whose channels are correlated and differ in spread."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 7, images)
    mixing = generator.normal(size=(channels, channels))
    noise = generator.normal(size=(images, channels)) @ mixing * np.geomspace(0.1, 10, channels)
    return noise + 3 * generator.normal(size=(7, channels))[labels], labels


def limits(members: int = 1, mean: float = 0.0, deviation: float = 1.0) -> NoveltyLimits:
    usual = UsualDistance(mean=(mean,) * 7, deviation=(deviation,) * 7)
    return NoveltyLimits(usual=(usual,) * members, limit=2.0, false_alarm_rate=0.05, fitted_on="a test")


def test_the_distance_is_the_mahalanobis_distance_of_scipy_and_scikit_learn() -> None:
    x, labels = embeddings()
    fitted = fit_distances(x, labels, np.full_like(x, np.nan))
    means = np.stack([x[labels == k].mean(axis=0) for k in range(7)])
    residuals = x - means[labels]
    scale = residuals.std(axis=0)
    precision = LedoitWolf(assume_centered=True).fit(residuals / scale).precision_
    new = np.random.default_rng(1).normal(0, 5, (50, x.shape[1]))
    expected = cdist(new / scale, means / scale, "mahalanobis", VI=precision).min(axis=1)
    ours = fitted.nearest(torch.from_numpy(new)).exp().numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-3)


def test_the_score_counts_deviations_from_the_usual_distance_of_the_named_diagnoses() -> None:
    generator = np.random.default_rng(0)
    mean, deviation = generator.normal(3, 1, 7), generator.uniform(0.1, 0.5, 7)
    usual = UsualDistance(mean=tuple(mean), deviation=tuple(deviation))
    logits, distance = generator.normal(0, 4, (20, 7)), generator.normal(3, 1, 20)
    shares = softmax(logits, axis=1)
    expected = (distance - shares @ mean) / (shares @ deviation)
    ours = usual.score(torch.from_numpy(distance), torch.from_numpy(logits))
    np.testing.assert_allclose(ours, expected)
    sure_of_df = torch.tensor([[0.0, 0, 0, 100, 0, 0, 0]])
    alone = usual.score(torch.tensor([4.0]), sure_of_df)
    np.testing.assert_allclose(alone, (4 - mean[3]) / deviation[3])


def test_what_lies_far_from_every_class_is_novel() -> None:
    x, labels = embeddings()
    fitted = fit_distances(x, labels, x)
    known = fitted.nearest(torch.from_numpy(x))
    detector = NoveltyDetector([fitted], limits(1, known.mean().item(), known.std().item()))
    photos = torch.from_numpy(np.concatenate([x[:50], x[:50] + 200.0]))
    novel = [own.is_novel for own in detector.judge([photos], [torch.zeros(100, 7)])]
    assert np.mean(novel[:50]) < 0.2
    assert all(novel[50:])


def test_a_change_that_simulated_cameras_make_takes_nothing_far_away() -> None:
    x, labels = embeddings()
    shift = np.linspace(-3, 3, x.shape[1])
    none, some = np.full_like(x, np.nan), np.where(np.arange(len(x))[:, None] % 2, x + shift, np.nan)
    shown = torch.from_numpy(x[:50] + shift)
    before, after = (fit_distances(x, labels, copies).nearest(shown) for copies in (none, some))
    assert (after < before - 0.3).all()


def test_members_are_averaged_each_by_its_own_statistics() -> None:
    x, labels = embeddings()
    one, other = fit_distances(x, labels, x), fit_distances(2 * x + 1, labels, 2 * x + 1)
    logits = torch.randn(len(x), 7, generator=torch.Generator().manual_seed(0))
    shown = [torch.from_numpy(x), torch.from_numpy(2 * x + 1)]
    both = NoveltyDetector([one, other], limits(2)).judge(shown, [logits, logits])
    alone = NoveltyDetector([one], limits()).judge(shown[:1], [logits])
    scores = [[own.score for own in found] for found in (both, alone)]
    np.testing.assert_allclose(*scores, rtol=1e-3, atol=1e-3)  # stretching changes no distance


def test_statistics_of_other_members_are_refused() -> None:
    fitted = ClassDistances(torch.zeros(7, 4), torch.eye(4))
    with pytest.raises(NoveltyError, match="train audit"):
        NoveltyDetector([fitted], limits(members=2))


def test_a_class_without_images_has_the_mean_of_all() -> None:
    x, labels = embeddings()
    kept = labels != 3
    fitted = fit_distances(x[kept], labels[kept], x[kept])
    np.testing.assert_allclose(fitted.means[3], x[kept].mean(axis=0), rtol=1e-4)
