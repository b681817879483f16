"""How the tables of the ledger came to be, one file a step."""
