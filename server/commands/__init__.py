"""Commands to equipment: given by people, carried out by gateways, answered with what it did."""
