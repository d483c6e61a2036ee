"""One update of the weights, on every device of a strategy."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfmed.training.recipe import Recipe


def make_optimizer(recipe: Recipe) -> keras.optimizers.Optimizer:
    """AdamW or SGD with Nesterov momentum; biases and the scales of normalisations do not decay."""
    if recipe.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay)
    else:
        optimizer = keras.optimizers.SGD(
            recipe.learning_rate, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay
        )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "scale"])
    return optimizer


class Step:
    """Callable ``(batch, decay) -> float32 vector``: the loss terms in the order of ``names``, then 1.

    A step whose gradient is not finite changes no weight through its gradient and returns a vector of zeros,
    so that sums of vectors divided by their last element are means over the good steps.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        averages: Sequence[tf.Variable],
        clip_norm: float,
        strategy: tf.distribute.Strategy,
    ) -> None:
        self.names: tuple[str, ...] = ()
        self._model, self._optimizer, self._strategy = model, optimizer, strategy
        self._weights = [weight.value for weight in model.trainable_variables]
        self._averaged = list(zip(averages, self._weights, strict=True)) if averages else []
        self._clip_norm = clip_norm

    @tf.function(reduce_retracing=True, autograph=False)
    def __call__(self, batch: tuple, decay: tf.Tensor) -> tf.Tensor:
        terms = self._strategy.run(self._update, args=batch)
        for average, weight in self._averaged:
            self._strategy.extended.update(average, _blend, args=(weight, decay), group=False)
        return self._strategy.experimental_local_results(terms)[0]

    def _update(self, inputs: dict, targets: dict) -> tf.Tensor:
        gradients, vector = self._gradients(inputs, targets)
        context = tf.distribute.get_replica_context()
        # Keras' optimizers clip on each device and sum then, so that clipping would depend on the number of
        # devices. Here the mean is clipped; the optimizer's own sum over n equal shares leaves it as it is.
        *gradients, vector = context.all_reduce(tf.distribute.ReduceOp.MEAN, [*gradients, vector])
        norm = tf.linalg.global_norm(gradients)
        good = tf.math.is_finite(norm) & tf.reduce_all(tf.math.is_finite(vector))
        scale = self._clip_norm / tf.maximum(norm, self._clip_norm) / context.num_replicas_in_sync
        gradients = [tf.where(good, gradient * scale, 0.0) for gradient in gradients]
        self._optimizer.apply(gradients, self._model.trainable_variables)
        return tf.where(good, vector, 0.0)

    def _gradients(self, inputs: dict, targets: dict) -> tuple[list[tf.Tensor], tf.Tensor]:
        with tf.GradientTape() as tape:
            terms = self._model.loss_terms(inputs, targets, training=True)
            terms = {name: tf.cast(value, tf.float32) for name, value in terms.items()}
            loss = tf.add_n(list(terms.values()))
        gradients = tape.gradient(loss, self._weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        self.names = (*terms, "loss")
        return gradients, tf.stack([*terms.values(), loss, 1.0])


def _blend(average: tf.Variable, weight: tf.Tensor, decay: tf.Tensor) -> tf.Operation:
    return average.assign(decay * average + (1.0 - decay) * weight)
