"""The JSON API and the pages: everything that is mounted on the blueprint."""
