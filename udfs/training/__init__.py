"""Makes the shipped models from open data and open base weights, reproducibly."""
