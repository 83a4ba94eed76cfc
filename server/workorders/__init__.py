"""Work orders and who did what to them, when."""
