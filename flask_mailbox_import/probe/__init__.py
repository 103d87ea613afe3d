"""Opens all sockets: tests logins, at allowed addresses only. No Flask, no database."""
