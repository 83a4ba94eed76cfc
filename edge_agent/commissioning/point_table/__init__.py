"""Point tables: what their headings and cells mean. Understood, told or refused (ADR-29)."""
