"""A small host app with the import mounted; ``flask --app example_app ...`` runs it."""

from . import demo as demo
from .app import create_app as create_app
