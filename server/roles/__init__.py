"""What a process of the server can do: one builder for each role, used by the composition root."""
