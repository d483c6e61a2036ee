"""Native TensorFlow ops, each with an equal form in stock ops."""

from tfmed.ops.pooling import implementation, l2_norm_pool, native_available

__all__ = ["implementation", "l2_norm_pool", "native_available"]
