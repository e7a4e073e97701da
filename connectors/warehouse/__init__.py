"""The warehouse: the newest row of each key, in Redshift or PostgreSQL."""
