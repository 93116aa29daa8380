"""Files that clinics sent: hashed, kept as they are, entered in the ledger once and for all."""
