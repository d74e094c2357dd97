"""Sessions of users: tokens (JWT) that the application signs, verified in one way by every service."""
