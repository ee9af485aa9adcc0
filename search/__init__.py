"""The search: planning, scheduling on Ray, storing, watching."""

import gc

# what is imported stays, and is millions of objects: to look among them for garbage takes half a second a process
gc.set_threshold(50_000)
