"""The records' schema, step by step (Alembic); server/core/schema.py runs the steps.

A new step: change the model, then ``python -m server.migrations "what changes"``, then read what
was proposed in versions/ and correct it.
"""
