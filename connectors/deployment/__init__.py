"""Putting the job on AWS: templates, change sets, the application's life."""
