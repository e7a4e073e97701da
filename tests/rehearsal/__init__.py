"""The job's zip in what the service gives it, as far as one machine can: ``make rehearse``."""
