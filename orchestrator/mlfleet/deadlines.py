"""How long a service may take and how much it may send, the same for all."""

# Total deadlines per phase, in seconds.
IMPORT_S, DESCRIBE_S, COLLECT_S = 120.0, 10.0, 120.0
PREPARE_S, PREPARE_S_PER_GIB = 120.0, 20.0
TURN_S, TURN_FACTOR = 30.0, 4.0
# A first iteration has no estimate yet.
FIRST_S = 900.0
OUTPUT_LIMIT_BYTES = 64 << 20
