"""The network: tests logins and guards what may be connected to; knows no Flask, no database."""
