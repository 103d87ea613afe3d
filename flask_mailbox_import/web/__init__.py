"""The JSON API and the pages: everything on the blueprint."""
