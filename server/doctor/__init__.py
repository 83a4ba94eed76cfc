"""What a support engineer looks at first: findings, each with what to do."""
