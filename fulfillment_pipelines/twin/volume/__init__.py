"""A distributor of any size, dealt out set-wise: what each system would answer at one moment, as Parquet files.

The living twin beside it advances, reacts to corrections and speaks over real connections; this one stands still, so
that it can hold ten million order lines. Both say the same things under the same field names.
"""
