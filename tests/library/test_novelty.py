import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from sklearn.covariance import LedoitWolf

from skin_app.novelty import (
    ClassDistances,
    NoveltyDetector,
    NoveltyError,
    NoveltyLimits,
    Spread,
    energy,
    member_score,
)
from train.audit.fitted_novelty import fit_distances


def embeddings(images: int = 400, channels: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Seven Gaussian classes whose channels are correlated and differ in spread."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 7, images)
    mixing = generator.normal(size=(channels, channels))
    noise = generator.normal(size=(images, channels)) @ mixing * np.geomspace(0.1, 10, channels)
    return noise + 3 * generator.normal(size=(7, channels))[labels], labels


def limits(views: tuple[int, ...] = (1,), members: int = 1, limit: float = 2.0) -> NoveltyLimits:
    one = Spread(mean=0.0, deviation=1.0)
    return NoveltyLimits(
        distance=(one,) * members,
        energy=dict.fromkeys(views, (one,) * members),
        limits=dict.fromkeys(views, limit),
        false_alarm_rate=0.05,
        fitted_on="a test",
    )


def test_the_distance_is_the_mahalanobis_distance_of_scipy_and_scikit_learn() -> None:
    x, labels = embeddings()
    fitted = fit_distances(x, labels)
    means = np.stack([x[labels == k].mean(axis=0) for k in range(7)])
    residuals = x - means[labels]
    scale = residuals.std(axis=0)
    precision = LedoitWolf(assume_centered=True).fit(residuals / scale).precision_
    new = np.random.default_rng(1).normal(0, 5, (50, x.shape[1]))
    expected = cdist(new / scale, means / scale, "mahalanobis", VI=precision).min(axis=1)
    ours = fitted.nearest(torch.from_numpy(new)).exp().numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-3)


def test_the_energy_is_minus_scipys_logsumexp_and_the_larger_part_counts() -> None:
    logits = np.random.default_rng(0).normal(0, 4, (20, 7))
    np.testing.assert_allclose(energy(torch.from_numpy(logits)), -logsumexp(logits, axis=1))
    far, unsure = Spread(mean=1.0, deviation=2.0), Spread(mean=-3.0, deviation=0.5)
    scores = member_score(torch.tensor([5.0, 2.0]), torch.tensor([-3.5, -1.0]), far, unsure)
    np.testing.assert_allclose(scores, [(5 - 1) / 2, (-1 + 3) / 0.5])


def test_what_lies_far_from_every_class_is_novel() -> None:
    x, labels = embeddings()
    fitted = fit_distances(x, labels)
    known = fitted.nearest(torch.from_numpy(x))
    spread = Spread(mean=known.mean().item(), deviation=known.std().item())
    detector = NoveltyDetector([fitted], limits().model_copy(update={"distance": (spread,)}))
    photos = torch.from_numpy(np.concatenate([x[:50], x[:50] + 200.0]))
    novel = [own.is_novel for own in detector.judge([photos], [torch.zeros(100, 7)], views=1)]
    assert np.mean(novel[:50]) < 0.2
    assert all(novel[50:])


def test_members_are_averaged_each_by_its_own_statistics() -> None:
    x, labels = embeddings()
    one, other = fit_distances(x, labels), fit_distances(2 * x + 1, labels)
    detector = NoveltyDetector([one, other], limits(members=2))
    logits = torch.randn(len(x), 7, generator=torch.Generator().manual_seed(0))
    both = detector.scores(
        [torch.from_numpy(x), torch.from_numpy(2 * x + 1)], [logits, logits], views=1
    )
    alone = NoveltyDetector([one], limits()).scores([torch.from_numpy(x)], [logits], views=1)
    np.testing.assert_allclose(both, alone, rtol=1e-3, atol=1e-3)  # stretching changes no distance


def test_statistics_of_other_members_and_views_without_a_limit_are_refused() -> None:
    fitted = ClassDistances(torch.zeros(7, 4), torch.eye(4))
    with pytest.raises(NoveltyError, match="train audit"):
        NoveltyDetector([fitted], limits(members=2))
    with pytest.raises(ValueError, match="8 views"):
        NoveltyDetector([fitted], limits()).scores([torch.zeros(1, 4)], [torch.zeros(1, 7)], views=8)


def test_a_class_without_images_has_the_mean_of_all() -> None:
    x, labels = embeddings()
    kept = labels != 3
    fitted = fit_distances(x[kept], labels[kept])
    np.testing.assert_allclose(fitted.means[3], x[kept].mean(axis=0), rtol=1e-4)
