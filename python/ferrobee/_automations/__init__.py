"""The runtime of automations. Private: the public names are in `ferrobee`."""
