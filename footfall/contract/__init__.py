"""The commands that check, extend and publish the contract. They work on a checkout."""
