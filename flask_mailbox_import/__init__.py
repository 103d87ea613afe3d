"""Bulk import of SMTP mailboxes into a Flask app."""
