"""Who may do what, and where: rights, logins, tokens, passwords."""
