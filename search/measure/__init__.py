"""Measures finished trainings under further attacks."""
