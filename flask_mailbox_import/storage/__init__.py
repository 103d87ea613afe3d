"""The host's database: models, sealed passwords, every read and write; decides nothing."""
