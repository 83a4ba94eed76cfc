"""What the gateway does by itself when a condition over its points comes true."""
