"""Generates files, and regions of pages, from the code and the contract. The results are checked in."""
