"""Prove that a person holds a phone number, and log them in with it."""

__version__ = "0.1.0"
