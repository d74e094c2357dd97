"""How long, how many and how deep the values of `event_data` may be. Readers rely on these bounds."""

# In characters; a field of a schema may have a `maxLength` of its own.
DEFAULT_MAX_LENGTH = 2_000
MAX_NAME_LENGTH = 200
# Of free data: names per object, values in all, and objects and lists inside each other.
MAX_PROPERTIES = 100
MAX_VALUES = 1_000
MAX_NESTING = 20
# Of one event. A client that made more mistakes sees these first.
MAX_FAULTS = 20

INT = (-(2**31), 2**31 - 1)
LONG = (-(2**63), 2**63 - 1)
