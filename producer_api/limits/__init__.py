"""How much a sender may still send: in this process, and across all collectors."""
