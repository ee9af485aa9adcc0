"""Diagnostics of a network that cost too much to measure after every epoch: each is measured after named epochs.

They have a record of their own, diagnostics.npz, and change neither the training nor its other records.

block         the `diagnostics:` block of `evaluate:`, which measures what is due
moments       when a diagnostic is measured, and what it is measured on
flatness      gradient norms of the loss at friendly and at most adversarial points
lipschitz     upper bounds of the Lipschitz constant, with spectral_norm, the norm of an affine map
outputs       logits, and penultimate activations under attack, of training images
"""
