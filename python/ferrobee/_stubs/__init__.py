"""Writes typed Python from definitions: the classes of `ferrobee.models`, and `home.pyi`."""
