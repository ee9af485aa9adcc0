"""The theory of Liu et al. 2021, computed: each theorem beside a direct computation, and where a claim of it fails.

`max_margin` is Theorem 1, `interpolation` Theorem 2, `gap` Corollary 1 and `lipschitz` Theorem 3. `settings` chooses
the numbers that `python -m analysis.theory` shows, as tables; `charts` draws them.
"""
