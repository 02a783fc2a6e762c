"""Adam on all parameters as one long vector, and schedules of its learning rate.

MegEngine's own Adam does some twenty small operations for each tensor, which
for a network of many small layers takes a quarter of a training step on a CPU.
"""

import math

import megengine
import megengine.functional as F
import numpy as np


class FlatAdam:
    """Adam, with gradient clipping and a moving average of the weights.

    Steps are those of `megengine.optimizer.Adam` with its default betas, up to
    rounding.  Works on the device of the parameters.

    Parameters
    ----------
    parameters : iterable of megengine.Parameter
    ema_decay : float or None
        Keep an exponential moving average of the weights, for example 0.999; None: the
        average is the weights.
    clip_norm : float or None
        Scale the gradient down to this norm where it is larger.

    References
    ----------
    Kingma & Ba: "Adam: A Method for Stochastic Optimization", ICLR 2015.
    """

    BETAS, EPSILON = (0.9, 0.999), 1e-8

    def __init__(self, parameters, ema_decay=None, clip_norm=None):
        self._parameters = list(parameters)
        self._ends = np.cumsum([int(np.prod(p.shape)) for p in self._parameters]).tolist()
        self.ema_decay, self.clip_norm, self.steps = ema_decay, clip_norm, 0
        self._weights = F.concat([p.detach().flatten() for p in self._parameters])
        self._mean = F.zeros_like(self._weights)
        self._square = F.zeros_like(self._weights)
        self._average = self._weights

    def step(self, learning_rate):
        """Move the parameters against their gradients, and forget the gradients.

        Parameters
        ----------
        learning_rate : float

        Raises
        ------
        ValueError
            If a parameter took no part in the loss.
        """
        if any(p.grad is None for p in self._parameters):
            raise ValueError("found a parameter without gradient: the loss does not depend on it")
        grad = F.concat([p.grad.flatten() for p in self._parameters])
        if self.clip_norm is not None:
            norm = F.sqrt((grad * grad).sum())
            grad = grad * F.minimum(self.clip_norm / (norm + 1e-6), 1.0)
        self.steps += 1
        first, second = self.BETAS
        self._mean = first * self._mean + (1 - first) * grad
        self._square = second * self._square + (1 - second) * (grad * grad)
        mean_scale = 1 - first**self.steps
        square_scale = 1 - second**self.steps
        deviation = F.sqrt(self._square * (1 / square_scale)) + self.EPSILON
        self._weights = self._weights - (learning_rate / mean_scale) * self._mean / deviation
        if self.ema_decay is None:
            self._average = self._weights
        else:
            # a young average would remember the random start: let it forget faster
            decay = min(self.ema_decay, (1 + self.steps) / (10 + self.steps))
            self._average = decay * self._average + (1 - decay) * self._weights
        self._put(self._weights)
        for parameter in self._parameters:
            parameter.grad = None

    def swap(self):
        """Exchange the parameters with their average; a second call undoes it."""
        self._weights, self._average = self._average, self._weights
        self._put(self._weights)

    def _put(self, flat):
        begin = 0
        for parameter, end in zip(self._parameters, self._ends):
            parameter[...] = flat[begin:end].reshape(parameter.shape)
            begin = end

    def state(self):
        """Everything that a later `restore` needs.

        Returns
        -------
        dict of str to ndarray
        """
        tensors = {"weights": self._weights, "average": self._average}
        tensors.update(mean=self._mean, square=self._square)
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        return dict(arrays, steps=np.array(self.steps))

    def restore(self, arrays):
        """Go back to a `state`, the parameters included."""
        self.steps = int(arrays["steps"])
        self._weights = megengine.Tensor(arrays["weights"])
        self._mean = megengine.Tensor(arrays["mean"])
        self._square = megengine.Tensor(arrays["square"])
        self._average = megengine.Tensor(arrays["average"])
        self._put(self._weights)


def linear_decay(step, steps):
    """Factor on the learning rate: from 1 down to 0 along a line, as published."""
    return 1 - step / steps


def cosine_decay(step, steps):
    """Factor on the learning rate: a short warm-up, then half a cosine from 1 down to 0."""
    return min(1, (step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * step / steps))
