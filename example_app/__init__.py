"""A small host app that mounts flask_mailbox_import."""
