"""The sender of a request: a user with a session, a visitor with a cookie, or a backend with a key."""
