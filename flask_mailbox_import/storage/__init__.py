"""Every read and write of the host's database: models, sealing, transactions. Decides nothing."""
