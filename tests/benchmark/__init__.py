"""What a code costs: ``make bench`` prints the table and writes it to ``.bench/``."""
