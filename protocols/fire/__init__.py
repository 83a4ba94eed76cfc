"""Fire alarm equipment, whatever its protocol: events, open components, sessions."""
