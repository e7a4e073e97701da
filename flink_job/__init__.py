"""What is connected to what, with which settings, and how it is started."""
