"""What is asked of `experiments/next_character.py`, and every number of a run. Imports no torch."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from experiments.config.names import names_in
from experiments.config.settings import SettingsError
from experiments.config.values import typed_fields

NAMES = names_in("convff/characters/regimes/__init__.py", "REGIMES")
PresetName: TypeAlias = Literal["smoke", "quick", "paper"]
Strings: TypeAlias = Literal["first", "stream"]
SoftmaxStep: TypeAlias = Literal["adam", "sgd", "smoothed"]

if TYPE_CHECKING:
    RegimeName: TypeAlias = str
    StepName: TypeAlias = str
    DecayName: TypeAlias = str
else:  # the command line offers the keys of the tables
    RegimeName = Literal[("all", *NAMES)]
    StepName = Literal[names_in("convff/optimizers/__init__.py", "OPTIMIZERS")]
    DecayName = Literal[names_in("convff/schedule.py", "SCHEDULES")]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Every number of a run.

    Args:
        train_strings: strings to learn from; those after them are held out.
        held_out_strings: strings that are held out, at most.
        length: characters per string.
        window: characters that are seen.
        widths: units of each hidden layer.
        updates: full-batch updates.
        optimizer: of the hidden layers.
        lr: their rate.
        decay: how it falls: a name in `SCHEDULES`. That of the softmax is constant.
        momentum: theirs, and that of the softmax.
        softmax_optimizer: of the softmax.
        softmax_lr: its rate; by default it falls with the number of units, as in `convff.CharacterTrainer`.
        softmax_decay: of its weights; by default it grows with the number of units.
        temperature: of generated text.
        rows: number of windows that are computed at once.
        held_out_every: updates between two looks at the held-out strings.
    """

    train_strings: int = 248
    held_out_strings: int = 63
    length: int = 100
    window: int = 10
    widths: tuple[int, ...] = (500, 500, 500)
    updates: int = 350
    optimizer: StepName = "orthogonal"
    lr: float = 0.05
    decay: DecayName = "cooldown"
    momentum: float = 0.9
    softmax_optimizer: SoftmaxStep = "adam"
    softmax_lr: float = 3e-3
    softmax_decay: float = 0.01
    temperature: float = 1.0
    rows: int = 2048
    held_out_every: int = 5


PRESETS: dict[PresetName, Recipe] = {
    "smoke": Recipe(train_strings=40, widths=(100, 100, 100), updates=10),
    "quick": Recipe(),
    "paper": Recipe(widths=(2000, 2000, 2000), updates=100),
}
UNITS = 1500  # to which rate and decay of the softmax belong
# With --resume; with more updates, rates follow the longer run.
MAY_CHANGE = ("updates", "device", "data_dir", "require_data")


@dataclass(frozen=True, kw_only=True)
class NextCharacter:
    """Predict the next character of fables, by hidden layers that learn to tell real text from generated text."""

    negatives: tuple[RegimeName, ...] = ("all",)
    """Where negatives come from, each in a training of its own. random-features: none, only the softmax learns;
    teacher: the last character of real windows is a prediction; combined: generated text, in the same step as the real
    text; separated: generated text, in a step after it; all: one after another, and a figure of all."""

    preset: PresetName = "quick"
    """smoke: 10 s; quick: 3 x 500 units, 10 min on two CPU cores with fast bfloat16, for all regimes; paper: 3 x 2000
    units, an hour."""

    updates: int | None = None
    """Updates, each of which takes all predictions."""

    widths: tuple[int, ...] | None = None
    """Units of each hidden layer, which also sets their number."""

    train_strings: int | None = None
    """Strings to learn from; up to 63 more are held out."""

    text: Path | None = None
    """A text of your own, in UTF-8, its parts separated by blank lines. Default: Aesop's fables in Townsend's
    translation, from $CONVFF_DATA or ./data; else fables retold for this package."""

    titles: bool = True
    """The first line of each part of your own text is a title, which is dropped."""

    strings: Strings | None = None
    """first: the first 100 characters of each part; stream: consecutive pieces of the joined text. Default: first, but
    stream for the retold fables, which are fewer."""

    optimizer: StepName | None = None
    """How the hidden layers step."""

    lr: float | None = None
    """Rate of the hidden layers."""

    decay: DecayName | None = None
    """How the rate of the hidden layers falls: constant, cooldown (to 0 in the second half) or cosine."""

    softmax_optimizer: SoftmaxStep | None = None
    """How the softmax steps, in all regimes; needs --softmax-lr. It begins at 0, so no step is relative to it."""

    softmax_lr: float | None = None
    """Rate of the softmax, the same in all regimes. Default: 0.003 for 1500 hidden units, and less for more."""

    softmax_decay: float | None = None
    """Decay of the softmax's weights, not of its bias, the same in all regimes. Default: 0.01 for 1500 hidden units,
    and more for more."""

    temperature: float | None = None
    """Temperature of generated text; 1 draws from the softmax as it is."""

    data_dir: Path | None = None
    """The only folder to search. Default: $CONVFF_DATA, ./data, the retold fables."""

    require_data: bool = False
    """Exit with code 2 if Aesop's fables cannot be found, instead of using the retold ones."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of activities; auto takes bfloat16 if the hardware is fast at it."""

    device: str = "auto"
    """cpu, cuda, cuda:1, mps (never tested), ...; auto takes CUDA if it can."""

    seed: int = 0
    """Seed of every random draw."""

    seeds: int = 1
    """Repeat with this many seeds, counted up from --seed, and report mean and standard deviation."""

    out: Path = Path("runs/next_character")
    """Folder in which each run makes its own."""

    resume: Path | None = None
    """Continue this run, with its settings; with --updates N, train it on to N updates in all."""

    @property
    def regimes(self) -> tuple[str, ...]:
        """The regimes to train, in their order.

        Example:
            >>> NextCharacter().regimes == NAMES, NextCharacter(negatives=("combined",)).regimes
            (True, ('combined',))
        """
        return NAMES if "all" in self.negatives else self.negatives

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON values; the user's own text by its whole path, wherever the run is resumed."""
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "resume"}
        values["text"] = None if self.text is None else self.text.expanduser().absolute()
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


def recipe_of(asked: NextCharacter) -> Recipe:
    """Return the numbers of a run: those of the preset, and what is asked otherwise.

    Example:
        >>> recipe_of(NextCharacter(preset="paper", updates=5)).widths, recipe_of(NextCharacter(updates=5)).updates
        ((2000, 2000, 2000), 5)
    """
    names = {each.name for each in fields(Recipe)} & {each.name for each in fields(NextCharacter)}
    given = {name: value for name in names if (value := getattr(asked, name)) is not None}
    recipe = replace(PRESETS[asked.preset], **given)
    share = sum(recipe.widths) / UNITS
    scaled: dict[str, Any] = {"softmax_lr": recipe.softmax_lr / share, "softmax_decay": recipe.softmax_decay * share}
    return replace(recipe, **{name: value for name, value in scaled.items() if name not in given})


def settings_from_json(saved: dict[str, Any]) -> NextCharacter:
    """Return the settings from which `as_json` made these values.

    Raises:
        SettingsError: they are not a run's.

    Example:
        >>> settings_from_json(NextCharacter(seed=3).as_json()) == NextCharacter(seed=3)
        True
    """
    try:
        return NextCharacter(**typed_fields(NextCharacter, saved, known=True))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"these are not the settings of a run of next characters: {error}") from error
