"""What waits to be sent: messages, their queue, who receives them, how often."""
