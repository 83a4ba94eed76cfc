"""Sites, gateways, equipment and points."""
