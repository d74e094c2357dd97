"""How much a sender may still send: in this process, and in the whole cluster."""
