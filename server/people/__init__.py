"""Who works here, who is on duty, and what is missing for somebody to be called."""
