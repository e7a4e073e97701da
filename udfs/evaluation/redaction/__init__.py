"""How much personal data the redaction finds, and how much else it takes for some."""
