"""What the fuzzed site and who fuzzes it both know: numbers that nothing is sent to, and a code."""

from __future__ import annotations

RESEND_WAIT_SECONDS = 1
CODE = "314159"
NUMBERS = [f"+97150{number}" for number in range(1_000_000, 1_002_000)]
