"""Automations and converters under test: the real runtime on a simulated house, in virtual time."""
