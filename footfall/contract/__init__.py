"""Tools for whoever changes the contract: check, lock, add, generate. They work on a checkout."""
