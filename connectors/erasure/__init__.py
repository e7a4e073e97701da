"""Erasing a call or a person from every store that is ours; ``erasure`` has the order."""
