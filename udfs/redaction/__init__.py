"""Personal data out of texts that leave us: written and spoken, by language."""
