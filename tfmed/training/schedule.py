"""How the learning rate and the averaging of the weights change over a run."""

import math

WARMUP_SHARE = 0.1


def learning_rate(
    peak: float, progress: float, step: int, warmup_steps: int = 0, final_rate: float = 0.0
) -> float:
    """Linear warm-up times one cosine, which falls from 1 to ``final_rate`` (Loshchilov & Hutter 2017).

    ``progress`` is the share of the run that is done, in [0, 1] (of its steps or of its minutes), ``step``
    counts from 0. The warm-up takes ``warmup_steps``, or the first tenth of the run if that is shorter.
    """
    warmup = min(1.0, max((step + 1) / warmup_steps, progress / WARMUP_SHARE)) if warmup_steps else 1.0
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
    return peak * warmup * (final_rate + (1.0 - final_rate) * cosine)


def average_decay(limit: float, step: int) -> float:
    """Decay of the moving average at ``step`` (from 0): min(limit, (1 + step) / (10 + step)).

    The early average forgets the initial weights quickly, so that short runs are averaged well too.
    """
    return min(limit, (1 + step) / (10 + step))
