"""
Both providers' servers for development and tests, and a page that shows the phones.

Stands alone: standard library only, nothing of the app and nothing of Django. Run it with
``python -m django_d7verify.emulator --port 8600`` or ``manage.py d7verify_emulator``. Sections of
"gateway-apis" are those that ``django_d7verify.clients`` names.
"""

from .emulator import Emulator

__all__ = ["Emulator"]
