"""The systems of the latency benchmark: a database server and HTTP systems whose records change all the time."""
