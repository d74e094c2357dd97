"""What an event must be, and every fault that it has."""
