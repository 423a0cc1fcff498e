"""Files and devices <-> values on an exact clock. PyAV stops here."""
