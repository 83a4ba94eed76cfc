"""Emergency plans: started by people, carried out step by step, on record."""
