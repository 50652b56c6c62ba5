"""Tiny stand-ins made on the spot: a labelled data folder, and a weights folder that nobody trained."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from skin_app.calibration import Calibration
from skin_app.context import ContextModel
from skin_app.diagnoses import CODES, MALIGNANT
from skin_app.heatmap import HeatLimit
from skin_app.network import Member, MemberConfig
from skin_app.novelty import ClassDistances, NoveltyLimits, UsualDistance
from skin_app.operating_points import DecisionLimits, OperatingPoint, SetThresholds, ViewLimits
from skin_app.quality import QualityLimits
from skin_app.skin_tone import TONES, ToneBands
from skin_app.trust import Trust
from skin_app.weights.contract import Contract, Training
from skin_app.weights.folder import read_folder
from train.audit.fitted_novelty import FittedNovelty
from train.release.audit_weights import store
from train.release.weights_folder import write_folder

MOBILENET = MemberConfig(
    architecture="mobilenetv3_small_050",
    hidden=16,
    size=64,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)
SWIN = MemberConfig(
    architecture="swin_tiny_patch4_window7_224",
    arguments={"img_size": 80, "window_size": 5, "depths": [1, 1, 1, 1], "embed_dim": 24},
    stages=3,
    hidden=16,
    size=80,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)


class LogitsOnly(nn.Module):
    """A whole member as the grad-cam library needs it: from images to logits."""

    def __init__(self, member: Member) -> None:
        super().__init__()
        self.member = member

    def forward(self, images: Tensor) -> Tensor:
        return self.member(images).logits


def picture(seed: int, width: int = 96, height: int = 72) -> np.ndarray:
    """A smooth random RGB picture, (height, width, 3) uint8."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.array(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))


def write_data(folder: Path, lesions_per_class: int = 4) -> Path:
    """A HAM10000-like folder: `lesions_per_class` lesions of each class, two images each."""
    images = folder / "HAM10000_images_part_1"
    images.mkdir(parents=True)
    rows = []
    for label, code in enumerate(CODES):
        for lesion in range(lesions_per_class):
            for shot in range(2):
                number = label * 1000 + lesion * 10 + shot
                image_id = f"ISIC_{9_000_000 + number}"
                pixels = picture(number) // 2 + np.uint8(label * 16)
                Image.fromarray(pixels).save(images / f"{image_id}.jpg", quality=90)
                rows.append((f"HAM_{label}{lesion:02d}", image_id, code, "histo", 50.0, "male", "back"))
    columns = ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "HAM10000_metadata.csv", index=False)
    return folder


def save_state(network: nn.Module, path: Path) -> Path:
    """Write the weights of `network` as start weights, and return their path."""
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
    return path


def write_weights(
    folder: Path, configs: tuple[MemberConfig, ...] = (MOBILENET, MOBILENET), images: int = 30
) -> Path:
    """A valid weights folder with random members and a random gallery."""
    torch.manual_seed(0)
    members = {f"member-{i}": Member(config).eval() for i, config in enumerate(configs)}
    channels = members["member-0"].channels
    embeddings = np.random.default_rng(0).normal(size=(images, channels))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    gallery = pd.DataFrame(
        {
            "image_id": [f"ISIC_{9_000_000 + i}" for i in range(images)],
            "lesion": [f"ISIC_{9_000_000 + i // 2 * 2}" for i in range(images)],
            "dx": [CODES[i % 7] for i in range(images)],
            "dx_type": "histo",
            "age": 50.0,
            "sex": "female",
            "localization": "back",
        }
    )
    training = Training(
        recipe={"name": "none", "folds": 5, "member": configs[0].model_dump(mode="json")},
        seed=0,
        folds=(0, 1),
        shipped=(0, 1),
        kept_epochs={0: (1, 1), 1: (1, 1)},
        images=images,
        lesions=images // 2,
        data_fingerprint="0" * 64,
        start_weights="random numbers",
        git_revision="none",
        versions={},
    )
    contract = Contract(
        name="untrained test weights",
        codes=CODES,
        members=tuple(members),
        calibration=Calibration(
            temperatures={1: 1.0, 8: 0.9},
            log_prior_shift=(0.0,) * 7,
            frequencies=(1 / 7,) * 7,
            fitted_on="nothing: these are random test weights",
        ),
        training=training,
        scores={},
        licence="CC BY-NC 4.0",
        files={},
    )
    return write_folder(
        folder,
        contract,
        members=members,
        embeddings=embeddings,
        gallery=gallery,
        evaluation=pd.DataFrame({"image_id": gallery["image_id"]}),
    )


def decision_limits(
    thresholds: tuple[float, float, float],
    least: tuple[tuple[float, ...], tuple[float, ...]],
) -> DecisionLimits:
    """Made-up limits for 1 and 8 views: thresholds of 85, 95 and 99 %, and of the 90 and 95 % sets."""
    points = [
        OperatingPoint(
            target_sensitivity=share,
            threshold=threshold,
            sensitivity=share,
            sensitivity_interval=(share - 0.02, share + 0.01),
            specificity=0.7,
            specificity_interval=(0.6, 0.8),
        )
        for share, threshold in zip((0.85, 0.95, 0.99), thresholds, strict=True)
    ]
    sets = [SetThresholds(coverage=c, least=own) for c, own in zip((0.9, 0.95), least, strict=True)]
    limits = ViewLimits(
        sets=(sets[0], sets[1]),
        operating_points=(points[0], points[1], points[2]),
    )
    return DecisionLimits(by_views={1: limits, 8: limits}, fitted_on="nothing")


# age raises the malignant diagnoses; every 20 years below 50 lower them by as much
AGED = ContextModel(
    offset=(0.0,) * 7,
    age=tuple(float(malignant) for malignant in MALIGNANT),
    male=(0.0, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0),
    youngest=5.0,
    oldest=85.0,
    fitted_on="nothing",
)


def give_trust(
    folder: Path, novelty_limit: float = 1e9, tone_lesions: int = 1000, clears_all: bool = False
) -> Path:
    """Put made-up limits into a weights folder; by default nothing is novel, and no tone is rare.

    `clears_all`: with limits by which every photo that is not novel is not suspicious.
    """
    weights = read_folder(folder, "test")
    channels = [weights.member(name).channels for name in weights.contract.members]
    fitted = FittedNovelty(
        members=tuple(ClassDistances(torch.zeros(7, n), torch.eye(n)) for n in channels),
        limits=NoveltyLimits(
            usual=(UsualDistance(mean=(0.0,) * 7, deviation=(1.0,) * 7),) * len(channels),
            limit=novelty_limit,
            false_alarm_rate=0.05,
            fitted_on="nothing",
        ),
        crossfit=(),
    )
    least = tuple(float(malignant) for malignant in MALIGNANT)
    decisions = (
        decision_limits((1.0, 1.0, 1.0), (least, least))
        if clears_all
        else decision_limits((0.3, 0.2, 0.1), ((0.14,) * 7, (0.07,) * 7))
    )
    trust = Trust(
        decisions=decisions,
        novelty=fitted.limits,
        quality=QualityLimits(
            low={"shorter side": 100.0},
            high={},
            false_alarm_rate=0.01,
            measured_false_alarms={},
            fitted_on="nothing",
        ),
        heat=HeatLimit(least_concentration=0.05, false_alarm_rate=0.05, fitted_on="nothing"),
        tone=ToneBands(
            images=dict.fromkeys(TONES, tone_lesions),
            lesions=dict.fromkeys(TONES, tone_lesions),
            unknown=0,
            least_lesions=100,
            fitted_on="nothing",
        ),
        measured={},
        context=AGED,
    )
    store(weights, trust, fitted)
    return folder
