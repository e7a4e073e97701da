"""What an evaluation shows: a table on the terminal, and a page with plots."""
