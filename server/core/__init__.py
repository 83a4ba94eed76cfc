"""What every room of the server stands on."""
