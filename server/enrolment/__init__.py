"""Who may speak at the broker: certificates of a house of one's own, and rights."""
