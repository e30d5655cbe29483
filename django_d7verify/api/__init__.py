"""The JSON API, by Django REST framework."""
