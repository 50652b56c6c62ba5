"""Studies: settings that differ in one thing, trained on the same folds and compared in pairs.

Published numbers come from the publications' own data splits (by image, where that is known). They are
shown beside ours, never mixed with them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from skin_app.views import VIEWS
from train.data.augment import Augmentation
from train.recipes.changes import changed
from train.recipes.published import FLAGSHIP, LE2020, MISHRA2019, SUPERCON2022
from train.recipes.recipe import Bias, Recipe

Fields = Mapping[str, Any]  # path of a recipe's field -> its new value


@dataclass(frozen=True)
class Setting:
    """One row of a study: what it changes in the study's recipe, and the published scores, if any.

    `fields`: as `changed` takes them, or a function that gets them from the study's recipe.
    `published`: score name -> value in [0, 1]. `after`: the setting of the same study whose members it
    continues from; if empty, it begins with the start weights. `against`: the setting that it is
    compared with; if empty, the study's baseline. `backbone`, `size`: in place of the recipe's.
    """

    name: str
    fields: Fields | Callable[[Recipe], Fields] = field(default_factory=dict)
    published: dict[str, float] = field(default_factory=dict)
    after: str | None = None
    against: str | None = None
    backbone: str | None = None
    size: int | None = None

    def change(self, recipe: Recipe) -> Recipe:
        """The recipe of this setting, from that of its study."""
        fields = self.fields(recipe) if callable(self.fields) else self.fields
        size = self.size or (recipe.member.size if self.backbone else None)
        return changed(recipe, self.backbone, size, fields)


@dataclass(frozen=True)
class Study:
    """Settings of one recipe; the first is the baseline of differences.

    `ensemble`: whether the average of all settings is a row of its own. `views`: how many views the
    held-out images are predicted from. `untouched`: folds that were not looked at when the settings
    were chosen, on which alone they are compared too. `bias`: of the calibration, as in
    `cross_fitted`. The log of class weights and sampling is subtracted in full, but trainings shorter
    than the published ones learn only part of that shift. Without a bias, settings that change class
    weights or sampling would differ by this alone.
    """

    name: str
    title: str
    recipe: Recipe
    settings: tuple[Setting, ...]
    notes: tuple[str, ...] = ()
    ensemble: bool = False
    views: int = VIEWS
    untouched: tuple[int, ...] = ()
    bias: Bias = "always"

    @property
    def baseline(self) -> str:
        return self.settings[0].name

    def setting(self, name: str) -> Setting:
        """The setting of that name; raises `KeyError`."""
        return {setting.name: setting for setting in self.settings}[name]


def _published(accuracy: float, precision: float, recall: float, f1: float) -> dict[str, float]:
    return {
        "accuracy": accuracy,
        "macro_precision": precision,
        "macro_recall": recall,
        "macro_f1": f1,
    }


BY_IMAGE = (
    "The published numbers come from a split by image, which leaks, and from the highest raw output of "
    "the networks. Ours are calibrated, with the effect of class weights taken off: they show how well "
    "the classes are told apart, not how far weights push the output towards rare classes."
)

PLAIN_SQUARES = Augmentation(
    rotation=0.0,
    flip=False,
    crop=(1.0, 1.0),
    shift=0.0,
    cutout=0.0,
    cutout_probability=0.0,
    brightness=0.0,
    contrast=0.0,
    saturation=0.0,
    hue_gain=0.0,
)
ONE_SIZE = changed(FLAGSHIP, fields={"member.view_sizes": ()})
EIGHT_EPOCHS = {"stages.0.epochs": 8, "averaging": 0.995}
SWIN = "swin_tiny_stages123"
LONG, MORE = "8-epochs", "one-more"  # of the flagship's study
TODAY = "the flagship as it ships: the predictions of three-sizes in the study of views."

# the flagship trained whole at 192 px, on images as other cameras and clinics take them
CONDITIONS: Fields = {
    "stages.0.epochs": 9,
    "stages.0.frozen": (),
    "stages.0.backbone_rate": 2.5e-4,
    "stages.0.layer_decay": 0.8,
    "stages.0.patience": 9,
    "stages.0.sizes": (96, 96, 96, 96, 192),
    "member.arguments.drop_path_rate": 0.2,
    "member.view_sizes": (192, 224),
    "focal_gamma": 0.0,
    "class_weight_power": 0.0,
    "logit_adjustment": 1.0,
    "averaging": 0.996,
    "augmentation.cutout_probability": 0.2,
    "augmentation.brightness": 0.2,
    "augmentation.contrast": 0.2,
    "augmentation.saturation": 0.25,
    "augmentation.mixup": 0.1,
    "augmentation.painted": 0.3,
    "augmentation.surround": 0.15,
    "augmentation.uneven_light": 0.2,
    "augmentation.cast": 0.25,
    "augmentation.constancy": 0.15,
    "augmentation.blur": 0.15,
    "augmentation.jpeg": 0.2,
}
# then at 192 px with about half the damage, no mixup, less stochastic depth
LONGER: Fields = {
    **CONDITIONS,
    "stages.0.epochs": 10,
    "stages.0.backbone_rate": 2e-4,
    "stages.0.patience": 10,
    "stages.0.sizes": (),
    "member.arguments.drop_path_rate": 0.1,
    "augmentation.mixup": 0.0,
    "augmentation.painted": 0.2,
    "augmentation.surround": 0.1,
    "augmentation.uneven_light": 0.1,
    "augmentation.constancy": 0.1,
    "augmentation.blur": 0.1,
    "augmentation.jpeg": 0.15,
}
# another architecture, trained whole on growing images up to 224 px, with mild damage
LITE2: Fields = {
    "stages.0.epochs": 12,
    "stages.0.frozen": (),
    "stages.0.backbone_rate": 4e-4,
    "stages.0.layer_decay": 0.95,
    "stages.0.patience": 12,
    "stages.0.sizes": (160, 160, 160, 160, 192, 192, 192, 192, 224),
    "member.arguments": {"drop_path_rate": 0.1},
    "member.view_sizes": (224, 256),
    "focal_gamma": 0.0,
    "averaging": 0.996,
    "augmentation.mixup": 0.1,
    "augmentation.painted": 0.15,
    "augmentation.surround": 0.1,
    "augmentation.uneven_light": 0.1,
    "augmentation.cast": 0.15,
    "augmentation.blur": 0.1,
    "augmentation.jpeg": 0.1,
}


def _one_stage(recipe: Recipe) -> Fields:
    """A two-stage recipe's network trained as a whole by the classifier's loss.

    It gets as many epochs as the contrastive stage had.
    """
    contrastive, classifier = recipe.stages
    whole = replace(classifier, name="all", frozen=contrastive.frozen, epochs=contrastive.epochs)
    return {"stages": (whole,)}


def _one_more(recipe: Recipe) -> Fields:
    """One more epoch at a quarter of the first stage's rates."""
    stage = recipe.stages[0]
    return {
        "stages.0.epochs": 1,
        "stages.0.backbone_rate": stage.backbone_rate / 4,
        "stages.0.head_rate": stage.head_rate / 4,
        "averaging": 0.99,
    }


def _one_more_with(name: str, fields: Fields, **backbone: Any) -> Setting:
    """As `_one_more`, with further changes; compared with it."""
    return Setting(
        name, lambda recipe: {**_one_more(recipe), **fields}, after=LONG, against=MORE, **backbone
    )


STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        Study(
            name="le2020-ablations",
            title="Le et al. 2020: what each part is worth",
            recipe=LE2020,
            settings=(
                Setting("full", {}, _published(0.90, 0.81, 0.80, 0.80)),
                Setting("no-dropout", {"member.dropout": 0.0}, _published(0.90, 0.78, 0.77, 0.77)),
                Setting(
                    "no-augmentation",
                    {"augmentation": PLAIN_SQUARES},
                    _published(0.89, 0.79, 0.71, 0.74),
                ),
                Setting(
                    "no-class-weights", {"class_weight_power": 0.0}, _published(0.90, 0.81, 0.77, 0.79)
                ),
                Setting("no-dense", {"member.hidden": 0}, _published(0.74, 0.70, 0.80, 0.72)),
                Setting("no-pooling", {"member.pool": "flatten"}, _published(0.88, 0.77, 0.73, 0.75)),
            ),
            notes=(
                BY_IMAGE,
                "The published row of full is the test score of the whole system: five ResNet-50 with "
                "test-time augmentation.",
            ),
        ),
        Study(
            name="le2020-backbones",
            title="Le et al. 2020: its four backbones",
            recipe=LE2020,
            settings=tuple(
                Setting(name, backbone=name)
                for name in ("resnet50", "vgg16", "mobilenetv1_100", "efficientnet_b1")
            ),
            notes=("The numbers of this table of the publication could not be read.",),
            ensemble=True,
        ),
        Study(
            name="focal-weights",
            title="Focal loss and class weights, each on and off",
            recipe=LE2020,
            settings=(
                Setting("focal-and-weights"),
                Setting("focal-only", {"class_weight_power": 0.0}),
                Setting("weights-only", {"focal_gamma": 0.0}),
                Setting("neither", {"focal_gamma": 0.0, "class_weight_power": 0.0}),
            ),
            ensemble=True,
        ),
        Study(
            name="split",
            title="Lesion-grouped split against the split by image of 2020",
            recipe=LE2020,
            settings=(Setting("lesion-grouped"), Setting("by-image", {"split": "image"})),
        ),
        Study(
            name="supercon",
            title="SuperCon 2022: contrastive stage, then classifier, against one stage",
            recipe=SUPERCON2022,
            settings=(Setting("one-stage", _one_stage), Setting("two-stages")),
        ),
        Study(
            name="mishra2019-depths",
            title="Mishra et al. 2019: depth of the ResNet",
            recipe=MISHRA2019,
            settings=tuple(
                Setting(name, {}, {"accuracy": accuracy}, backbone=name)
                for name, accuracy in (
                    ("resnet34", 0.889),
                    ("resnet50", 0.897),
                    ("resnet101", 0.882),
                    ("resnet152", 0.898),
                )
            ),
            notes=(
                "The published numbers are of other data: photographs by users.",
                "Learning rates fall from block to block, so the first layers of a deeper network "
                "train at lower rates.",
            ),
        ),
        Study(
            name="view-sizes",
            title="The flagship: views of one size, or of three",
            recipe=ONE_SIZE,
            settings=(
                Setting("one-size", EIGHT_EPOCHS),
                Setting(
                    "three-sizes",
                    {"member.view_sizes": (160, 192, 224), "stages": ()},
                    after="one-size",
                ),
            ),
            notes=(
                "Both settings use the same networks, trained at 160 px. three-sizes reads the views "
                "at 160, 192 and 224 px in turn. The first view has 160 px in both, so answers from "
                "one view are equal.",
                "The sizes were chosen on fold 0, after a look at 192 and 224 px alone, pairs of "
                "sizes, one more epoch at 192 px, and zoomed views. Fold 1 was not looked at before.",
                "Malignant AUC and negative log-likelihood joined the verdict after this study was "
                "measured. By accuracy and balanced accuracy alone, three-sizes would not be better.",
            ),
            untouched=(1,),
        ),
        Study(
            name="unlike-members",
            title="The flagship: a second member of another architecture for each fold",
            recipe=FLAGSHIP,
            settings=(
                Setting("swin"),
                Setting(
                    "vit",
                    {
                        "member.arguments": {"img_size": 224, "drop_path_rate": 0.1},
                        "stages.0.epochs": 6,
                        "stages.0.frozen": (),
                    },
                    backbone="vit_tiny_patch16_224",
                    size=224,
                ),
            ),
            ensemble=True,
            notes=(
                f"swin is {TODAY} The architecture, size and epochs of the second member were fixed "
                "before any of its predictions was seen. It was given up after fold 0.",
            ),
        ),
        Study(
            name="full-runs",
            title="The flagship: full trainings from the start weights",
            recipe=FLAGSHIP,
            settings=(
                Setting("today"),
                Setting("192-px-conditions", CONDITIONS, backbone=SWIN, size=192),
                Setting("192-px-longer", LONGER, after="192-px-conditions", backbone=SWIN, size=192),
                Setting("lite2", LITE2, backbone="efficientnet_lite2_tf", size=224),
            ),
            ensemble=True,
            notes=(
                f"today is {TODAY} 192-px-conditions changes several things at once: 192 px, all "
                "layers trained, logit adjustment in place of class weights and focal loss, more "
                "stochastic depth, a little mixup, and augmentation by artefacts, light, colour, blur "
                "and JPEG.",
                "192-px-longer continues it for ten epochs at 192 px, without mixup and with less "
                "damage.",
                "lite2 is EfficientNet-Lite2, trained whole up to 224 px, with mild damage.",
                "No setting alone was better than today, so none was trained on the other folds, and "
                "the shipped weights stay. Not run, for lack of a GPU: training at 224 px throughout, "
                "and members of further folds.",
            ),
        ),
        Study(
            name="flagship",
            title="The flagship: what one more epoch should be spent on",
            recipe=ONE_SIZE,
            settings=(
                Setting(LONG, EIGHT_EPOCHS),
                Setting("3-epochs", {"stages.0.epochs": 3, "averaging": 0.99}),
                Setting(MORE, _one_more, after=LONG),
                _one_more_with("wider-crops", {"augmentation.crop": (0.85, 1.15)}),
                _one_more_with("192-px", {}, backbone=SWIN, size=192),
                _one_more_with("all-layers", {"stages.0.frozen": ()}),
                _one_more_with("mixup", {"augmentation.mixup": 0.2}),
                _one_more_with("half-the-naevi", {"sampling": "thinned"}),
                _one_more_with("no-class-weights", {"class_weight_power": 0.0}),
                _one_more_with("no-focusing", {"focal_gamma": 0.0}),
                _one_more_with("smoothing", {"smoothing": 0.1}),
            ),
            notes=(
                "The settings were chosen after a look at fold 0, whose images are scored here.",
                f"All settings but 3-epochs continue the member of {LONG} (rounded to float16, as it "
                f"ships) for one epoch at a quarter of its learning rates. {MORE} changes nothing "
                "else.",
                "Minutes are those of the added epoch, on a machine that did other work at times; "
                f"3-epochs and {LONG} ran on slower machines that paused the training.",
                "3-epochs was trained by an earlier version of this code with the same settings. Its "
                "losses by epoch were not kept.",
            ),
            views=1,
        ),
    )
}
