"""The command line and the demo, above both applications."""
