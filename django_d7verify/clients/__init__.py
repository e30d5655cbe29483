"""The providers' HTTP APIs, typed and complete: no models, no settings, usable alone."""
