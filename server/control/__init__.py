"""The door for commands of this machine: what they ask of a server that runs."""
