"""Who makes a request, and whether the person may: passwords, sessions, tokens, sign-in elsewhere, and the guard."""
