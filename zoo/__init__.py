"""The model zoo: builders, cards and weights, found by name.

``list`` and ``card`` answer without TensorFlow; ``get`` and ``load`` import it.
"""

from tfmed.zoo.cards import Card
from tfmed.zoo.models import get, load
from tfmed.zoo.registry import card, register
from tfmed.zoo.registry import names as list

__all__ = ["Card", "card", "get", "list", "load", "register"]
