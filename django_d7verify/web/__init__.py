"""Pages for people: sign in by phone, a second factor, a change of number."""
