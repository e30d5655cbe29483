"""The site's Celery, as Celery's own guide to Django has it."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.bridges.settings")
app = Celery("site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.set_default()
# What a site has in the tasks.py of an app is of the README here, and written by the test.
app.conf.imports = ["celery_recipe"]
