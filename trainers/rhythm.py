"""When what is measured along training is due: each so many epochs, and after the last one."""


def is_due(every: int, epoch: int, epochs: int) -> bool:
    """Return whether a measurement each `every` epochs is due after an epoch (0-based). After the last it always is."""
    return (epoch + 1) % every == 0 or epoch + 1 == epochs
