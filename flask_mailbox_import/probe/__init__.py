"""The only sockets: tests logins, and guards what may be connected to; no Flask, no database."""
