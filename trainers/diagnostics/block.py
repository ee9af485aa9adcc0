"""The `diagnostics:` block of `evaluate:`: what is measured after named epochs, and recorded in diagnostics.npz."""

from __future__ import annotations

import numpy as np

from trainers.balls import Norm
from trainers.diagnostics.flatness import Flatness
from trainers.diagnostics.lipschitz import Lipschitz
from trainers.diagnostics.moments import Subject
from trainers.diagnostics.outputs import Features, Logits
from trainers.knobs import Knobs
from trainers.npz import Arrays

AnyDiagnostic = Flatness | Lipschitz | Logits | Features
EPOCHS = "_epochs"  # the end of the name of an array that holds epochs


class Diagnostics(Knobs):
    """The diagnostics of a study; each is off unless it is named."""

    flatness: Flatness | None = None
    lipschitz: Lipschitz | None = None
    logits: Logits | None = None
    features: Features | None = None

    def asked(self) -> dict[str, AnyDiagnostic]:
        """Return the diagnostics that the study asks for, by name."""
        return {name: value for name, value in self.__dict__.items() if value is not None}

    def due(self, epoch: int, epochs: int) -> dict[str, AnyDiagnostic]:
        """Return the diagnostics that are measured after an epoch (0-based) of `epochs`, by name."""
        return {name: diagnostic for name, diagnostic in self.asked().items() if diagnostic.due(epoch, epochs)}

    def at_end(self) -> dict[str, AnyDiagnostic]:
        """Return the diagnostics that are measured after the last epoch alone, by name."""
        return {name: diagnostic for name, diagnostic in self.asked().items() if {*diagnostic.after} == {"100%"}}

    def measure(self, subject: Subject, epoch: int, epochs: int) -> Arrays:
        """Return what is due after an epoch (0-based), as `<diagnostic>_<array>`, (1, ...) each; empty if nothing is.

        Each diagnostic also has the epoch and the passes through the network that it took, in examples.
        """
        net, recorded = subject.net, Arrays()
        for name, diagnostic in self.due(epoch, epochs).items():
            forwards, backwards = net.forwards, net.backwards
            found = diagnostic.measure(subject)
            passes = {"forwards": net.forwards - forwards, "backwards": net.backwards - backwards}
            found |= {kind: np.array(count) for kind, count in passes.items()}
            recorded[f"{name}{EPOCHS}"] = np.array([epoch], np.int32)
            recorded |= {f"{name}_{array}": values[None] for array, values in found.items()}
        return recorded

    def list_examples(self, subject: Subject) -> Arrays:
        """Return the examples that the diagnostics look at, as `<diagnostic>_<array>`; the same at every epoch."""
        return {
            f"{name}_{array}": values
            for name, diagnostic in self.asked().items()
            for array, values in diagnostic.list_examples(subject).items()
        }

    def describe(self, epsilon: float, norm: Norm) -> dict[str, str]:
        """Return each diagnostic in words, by name."""
        return {
            name: f"{diagnostic.describe(epsilon, norm)}; {diagnostic.describe_moments()}"
            for name, diagnostic in self.asked().items()
        }


def truncate_diagnostics(arrays: Arrays, epochs: int) -> Arrays:
    """Return the rows of what was measured after the first `epochs` epochs; a diagnostic without any is left out."""
    kept: Arrays = {}
    for name in (key.removesuffix(EPOCHS) for key in arrays if key.endswith(EPOCHS)):
        early = arrays[f"{name}{EPOCHS}"] < epochs
        own = {key: values[early] for key, values in arrays.items() if key.startswith(f"{name}_")}
        kept |= own if early.any() else {}
    return kept
