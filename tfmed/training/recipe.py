"""What a training run is made of, as one table that a file or the command line can fill."""

import dataclasses
import difflib
import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfmed.errors import TfmedError


@dataclass(frozen=True)
class Recipe:
    """All settings of a run; with the data and the code, they give the same weights again.

    Raises TfmedError if a value is of the wrong type or out of range. A run with ``minutes`` follows the
    wall clock: it ends on time on any machine, and is therefore not reproducible bit for bit.
    """

    steps: int = 20_000
    minutes: float | None = None
    """Wall-clock budget; if given, the schedule follows the elapsed share of it and ``steps`` is ignored."""
    batch: int = 8
    """Slices in a step, over all devices and workers together."""
    size: tuple[int, int] = (192, 192)
    """Rows and columns of a training slice, in pixels of 1 mm."""
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    """Peak of the schedule: a linear warm-up, then one cosine down to ``final_rate`` times the peak."""
    warmup_steps: int = 100
    final_rate: float = 0.01
    weight_decay: float = 1e-4
    clip_norm: float = 5.0
    """Largest global norm of a step's gradient."""
    average: float = 0.999
    """Decay of the moving average of the weights, which is what is validated and kept; 0 turns it off."""
    seed: int = 0
    lesion_fraction: float = 0.6
    """Share of training slices that hold lesion."""
    mixed_precision: bool = False
    """Compute in bfloat16, keep weights in float32 (no loss scaling is needed)."""
    log_every: int = 20
    validate_every: int = 500
    validate_samples: int = 200
    """Slices of a validation, always the same ones; 0 turns validation off."""
    checkpoint_every: int = 250
    augment: bool = True
    augmentation: dict[str, Any] = field(default_factory=dict)
    """Arguments of ``tfmed.pipeline.Augmentation`` that differ from its defaults."""
    model: dict[str, Any] = field(default_factory=dict)
    """Overrides that go to the model's builder."""

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            object.__setattr__(self, name, _coerce(name, getattr(self, name), kind))
        if self.minutes is not None:
            object.__setattr__(self, "minutes", _coerce("minutes", self.minutes, float))
        size = self.size
        if not isinstance(size, list | tuple) or len(size) != 2 or not all(type(n) is int for n in size):
            raise TfmedError(f"recipe: size must be two whole numbers, rows and columns. Received: {size!r}")
        object.__setattr__(self, "size", tuple(size))
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            values = value if isinstance(value, tuple) else (value,)
            if any(v is not None and not low <= v <= high for v in values):
                raise TfmedError(f"recipe: {name} must lie between {low:g} and {high:g}. Received: {value!r}")
        if self.optimizer not in OPTIMIZERS:
            raise TfmedError(
                f"recipe: no optimizer {self.optimizer!r}. Received: optimizer={self.optimizer!r}. "
                f"Known: {', '.join(OPTIMIZERS)}"
            )

    def replace(self, **changes: Any) -> "Recipe":
        """The recipe with those changes that are not None; ``steps`` alone turn the clock off.

        Raises TfmedError for names that it lacks.
        """
        _refuse_unknown(changes, "recipe")
        changes = {name: value for name, value in changes.items() if value is not None}
        if "steps" in changes:
            changes.setdefault("minutes", None)
        return dataclasses.replace(self, **changes)

    def to_toml(self) -> str:
        """The recipe as TOML; settings that are None are left out, tables come last."""
        values = dataclasses.asdict(self)
        plain = {k: v for k, v in values.items() if not isinstance(v, dict)}
        tables = {k: v for k, v in values.items() if isinstance(v, dict) and v}
        return (
            "\n".join([*_lines(plain), *(line for item in tables.items() for line in _table(*item))]) + "\n"
        )


OPTIMIZERS = ("adamw", "sgd")
_KINDS: dict[str, type] = {
    f.name: f.type for f in dataclasses.fields(Recipe) if f.type in (int, float, bool, str, dict[str, Any])
}
_RANGES: dict[str, tuple[float, float]] = {
    "steps": (1, 1e9),
    "minutes": (0.01, 1e6),
    "batch": (1, 65536),
    "size": (16, 4096),
    "learning_rate": (1e-9, 1e3),
    "warmup_steps": (0, 1e9),
    "final_rate": (0, 1),
    "weight_decay": (0, 10),
    "clip_norm": (1e-9, 1e9),
    "average": (0, 0.999999),
    "seed": (0, 2**31 - 1),
    "lesion_fraction": (0, 1),
    "log_every": (1, 1e9),
    "validate_every": (1, 1e9),
    "validate_samples": (0, 1e9),
    "checkpoint_every": (1, 1e9),
}


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe from TOML. Raises TfmedError if it is missing, not TOML, or has unknown settings."""
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TfmedError(f"{path}: the recipe cannot be read ({error.strerror}); give a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TfmedError(f"{path}: the recipe is not TOML: {error}") from None
    _refuse_unknown(values, str(path))
    try:
        return Recipe(**values)
    except TfmedError as error:
        raise TfmedError(f"{path}: {error}") from None


def _refuse_unknown(values: dict[str, Any], where: str) -> None:
    known = [f.name for f in dataclasses.fields(Recipe)]
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}"
            raise TfmedError(f"{where}: no setting {name!r}; {hint}")


def _coerce(name: str, value: Any, kind: type) -> Any:
    plain = dict if kind == dict[str, Any] else kind
    if plain is float and type(value) is int:
        return float(value)
    if type(value) is not plain:
        raise TfmedError(f"recipe: {name} must be of type {plain.__name__}. Received: {value!r}")
    return value


def _lines(values: dict[str, Any]) -> list[str]:
    # JSON's scalars, strings and arrays are TOML too.
    return [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]


def _table(name: str, values: dict[str, Any]) -> list[str]:
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    inner = {f"{name}.{key}": value for key, value in values.items() if isinstance(value, dict)}
    return ["", f"[{name}]", *_lines(plain), *(line for item in inner.items() for line in _table(*item))]
