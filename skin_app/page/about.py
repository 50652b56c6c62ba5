"""The About tab: the model card, where the weights come from, licences, and privacy."""

from functools import lru_cache
from html import escape

from skin_app.page.evidence.measured import Asked
from skin_app.page.html import said, table
from skin_app.weights.contract import Contract
from skin_app.weights.folder import WeightsFolder
from skin_app.words import about as words_about
from skin_app.words import page as words
from skin_app.words.language import Say


def panel(say: Say, weights: WeightsFolder) -> str:
    """The whole tab, from the contract of the weights."""
    return _panel(Asked.of(say, weights))


@lru_cache(maxsize=8)
def _panel(asked: Asked) -> str:
    say, weights = asked.say, asked.weights
    columns = said(say, words_about.CARD_COLUMNS)
    card = [(say(name), value) for name, value in _card(say, weights)]
    sections = (
        (words_about.WHAT_IT_IS, say(words_about.PURPOSE)),
        (words_about.PRIVACY, say(words.PRIVACY)),
        (words_about.CARD, table(columns, card, stacked=True)),
        (words_about.LICENCES, _licences(say, weights.contract)),
    )
    return "".join(
        f'<section class="panel about"><h2>{say(title)}</h2>{content}</section>'
        for title, content in sections
    )


def _card(say: Say, weights: WeightsFolder) -> list[tuple[str, str]]:
    contract, training = weights.contract, weights.contract.training
    return [
        (words_about.NAME, escape(contract.name)),
        (words_about.SOURCE, escape(say(words_about.SOURCES.get(weights.source, weights.source)))),
        (words_about.REVISION, _code(weights.hash)),
        (words_about.MEMBERS, _members(say, contract)),
        (words_about.RECIPE, _recipe(say, contract)),
        (words_about.EPOCHS, _epochs(say, contract)),
        (
            words_about.START,
            escape("; ".join(own.start_weights for own in contract.trainings)),
        ),
        (
            words_about.DATA,
            say(
                words_about.DATA_IS,
                images=say.number(training.images),
                lesions=say.number(training.lesions),
            ),
        ),
        (words_about.FINGERPRINT, _code(training.data_fingerprint)),
        (words_about.CALIBRATED_ON, _calibrated_on(say, contract)),
        (words_about.TEMPERATURES, _temperatures(say, contract)),
        (
            words_about.TRUST,
            say(words_about.TRUST_MISSING if contract.trust is None else words_about.TRUST_THERE),
        ),
        (words_about.CODE, _code(training.git_revision)),
        (words_about.VERSIONS, escape(", ".join(f"{n} {v}" for n, v in training.versions.items()))),
    ]


def _members(say: Say, contract: Contract) -> str:
    members = [training.recipe.get("member", {}) for training in contract.trainings]
    if not all({"architecture", "size"} <= set(member) for member in members):
        return say(words_about.MEMBERS_ONLY, count=len(contract.members))
    told = [
        say(
            words_about.MEMBERS_ARE,
            count=len(training.shipped),
            architecture=_code(str(member["architecture"])),
            size=member["size"],
        )
        for training, member in zip(contract.trainings, members, strict=True)
    ]
    return "; ".join([*told, say(words_about.STORED[contract.stored])])


def _recipe(say: Say, contract: Contract) -> str:
    training = contract.training
    name = escape(str(training.recipe.get("name", "")))
    if "folds" not in training.recipe:
        return say(words_about.RECIPE_NAME, name=name, seed=training.seed)
    return say(
        words_about.RECIPE_IS,
        name=name,
        folds=", ".join(str(fold) for fold in training.folds),
        of=training.recipe["folds"],
        seed=training.seed,
    )


def _epochs(say: Say, contract: Contract) -> str:
    return "; ".join(
        say(words_about.EPOCH, fold=fold, kept=kept, ran=ran)
        for training in contract.trainings
        for fold, (kept, ran) in training.kept_epochs.items()
    )


def _calibrated_on(say: Say, contract: Contract) -> str:
    scores = contract.scores
    if not {"images", "lesions"} <= set(scores):
        return say(words_about.NOT_STATED)
    images, lesions = (say.number(scores[key]) for key in ("images", "lesions"))
    return say(words_about.CALIBRATED_ON_IMAGES, images=images, lesions=lesions)


def _temperatures(say: Say, contract: Contract) -> str:
    return "; ".join(
        say(
            words_about.TEMPERATURE,
            temperature=say.number(temperature, ".3f"),
            views=say(words_about.ONE_VIEW if views == 1 else words_about.VIEWS, count=views),
        )
        for views, temperature in contract.calibration.temperatures.items()
    )


def _licences(say: Say, contract: Contract) -> str:
    names = words_about.LICENCE_NAMES
    rows = [
        (say(words_about.WEIGHTS_LICENCE), f'<span lang="en">{escape(contract.licence)}</span>'),
        (say(words_about.DATA_LICENCE), say(names["data"])),
        (say(words_about.PROGRAM), say(names["program"])),
        *(
            (
                say(words_about.START_LICENCE, name=escape(training.start_weights)),
                escape(training.start_licence or say(words_about.UNKNOWN_LICENCE)),
            )
            for training in contract.trainings
        ),
    ]
    return (
        table(said(say, words_about.LICENCE_COLUMNS), rows, stacked=True)
        + f'<p class="quiet">{say(words_about.NO_IMAGES)}</p>'
    )


def _code(text: str) -> str:
    return f'<code class="long">{escape(text)}</code>'
