"""Local servers that speak the wire formats of AWS' services, with the faults that those have."""
