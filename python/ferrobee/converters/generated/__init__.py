"""Tables that are generated; see their headers."""
