"""English: what its speakers say, and what their words give away."""
